/// The schemas of a document that others refer to, as they come up.
struct ComponentSchemas {
    private var byName: [String: JSONValue] = [:]

    /// All of them, by name.
    var json: JSONValue {
        .object(JSONObject(byName.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }))
    }

    mutating func add(_ name: String, _ schema: JSONValue) { byName[name] = schema }

    /// A structure becomes a component and is referred to; anything else stands where it is used.
    mutating func reference(_ schema: Schema) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = []
        switch schema.kind {
        case .structure(let name, let structureMembers):
            if byName[name] == nil { byName[name] = structure(structureMembers) }
            return .object(["$ref": .string("#/components/schemas/\(name)")])
        case .string: members.append(("type", "string"))
        case .boolean: members.append(("type", "boolean"))
        case .integer: members += [("type", "integer"), ("format", "int32")]
        case .long: members += [("type", "integer"), ("format", "int64")]
        case .timestamp: members.append(("type", "number"))
        case .list(let element): members += [("type", "array"), ("items", reference(element))]
        case .map(let key, let value):
            members += [
                ("type", "object"), ("propertyNames", reference(key)), ("additionalProperties", reference(value)),
            ]
        }
        if schema.isSensitive { members.append(("x-weir-sensitive", .bool(true))) }
        for constraint in schema.constraints {
            if let keyword = keyword(constraint, on: schema.kind) { members.append(keyword) }
            if case .pattern(let pattern) = constraint, pattern.portable != pattern.anchored {
                members.append(("x-weir-pattern", .string(pattern.anchored)))
            }
        }
        return .object(JSONObject(members))
    }

    private mutating func structure(_ members: [Schema.Member]) -> JSONValue {
        var properties: [(key: String, value: JSONValue)] = []
        for member in members where member.place == .body {
            guard case .object(let schema) = reference(member.schema) else { continue }
            let description = JSONValue.string(member.documentation + member.schema.unit)
            properties.append((member.name, .object(JSONObject([("description", description)] + schema.members))))
        }
        let required = members.filter { $0.isRequired && $0.place == .body }.map { JSONValue.string($0.name) }
        var object: [(key: String, value: JSONValue)] = [("type", "object")]
        if !required.isEmpty { object.append(("required", .array(required))) }
        object.append(("properties", .object(JSONObject(properties))))
        return .object(JSONObject(object))
    }

    private func keyword(_ constraint: Constraint, on kind: Schema.Kind) -> (key: String, value: JSONValue)? {
        let isMap = if case .map = kind { true } else { false }
        return switch constraint {
        case .minimumLength(let length): ("minLength", .integer(Int64(length)))
        case .maximumLength(let length): ("maxLength", .integer(Int64(length)))
        // A JSON Schema pattern may match anywhere in the string, the service's match all of it.
        case .pattern(let pattern): ("pattern", .string(pattern.portable))
        case .oneOf(let values): ("enum", .array(values.map { .string($0) }))
        case .minimum(let value): ("minimum", .integer(Int64(value)))
        case .maximum(let value): ("maximum", .integer(Int64(value)))
        case .minimumCount(let count): (isMap ? "minProperties" : "minItems", .integer(Int64(count)))
        case .maximumCount(let count): (isMap ? "maxProperties" : "maxItems", .integer(Int64(count)))
        case .required: nil
        }
    }
}

extension Schema {
    /// What numbers of this kind count, as a sentence to be added.
    var unit: String {
        switch kind {
        case .timestamp: " In seconds since the epoch, with up to three decimals."
        case .string, .boolean, .integer, .long, .list, .map, .structure: ""
        }
    }
}

extension Pattern {
    /// The expression for readers that know no classes of Unicode, as Python's `re` does not: it refuses the same ASCII characters, and controls, and
    /// takes all others.
    var portable: String {
        anchored.replacing(#"[\p{L}\p{Z}\p{N}_.:/=+\-@]"#, with: #"[^\u0000-\u001f!-*,;<>?\[-\^`{-\u009f]"#)
    }

    /// The expression made to match the whole string, for readers that would take a part.
    var anchored: String { expression.hasPrefix("^") && expression.hasSuffix("$") ? expression : "^(?:\(expression))$" }
}
