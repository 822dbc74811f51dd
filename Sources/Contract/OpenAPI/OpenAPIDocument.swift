/// The OpenAPI 3.1 document, made from the same declarations that decode, check and encode: it cannot disagree with them.
public enum OpenAPIDocument {
    /// The document of an API as JSON, indented, with a line feed at its end; the same bytes each time.
    public static func text(of api: API) -> String {
        var writer = JSONWriter(layout: .pretty)
        writer.value(document(api))
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    private static func document(_ api: API) -> JSONValue {
        var schemas: [String: JSONValue] = [:]
        var paths: [(String, JSONValue)] = []
        for id in OperationID.allCases where id.api == api {
            paths.append((id.path, .object(["post": operation(id.contract, &schemas)])))
        }
        for code in ErrorCode.allCases { schemas[code.rawValue] = errorSchema(code) }
        return .object([
            "openapi": "3.1.0",
            "info": .object([
                "title": "Amazon Kinesis Video Streams control plane, as Weir serves it",
                "version": "2017-09-30",
                "description": .string(about),
                "license": .object(["name": "Apache-2.0", "identifier": "Apache-2.0"]),
            ]),
            "servers": .array([.object(["url": "http://127.0.0.1:7080", "description": "Weir as it starts by default"])]),
            "security": .array([.object(["sigv4": .array([])])]),
            "paths": .object(JSONObject(paths.map { (key: $0.0, value: $0.1) })),
            "components": .object([
                "schemas": .object(JSONObject(schemas.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) })),
                "securitySchemes": .object([
                    "sigv4": .object([
                        "type": "apiKey", "in": "header", "name": "Authorization",
                        "x-amazon-apigateway-authtype": "awsSigv4",
                        "description": .string(signature),
                    ])
                ]),
            ]),
        ])
    }

    private static let about = """
        Every operation is a POST of a JSON object; an empty body means {}. Members that an operation does not know are ignored and null \
        means absent. String lengths count Unicode scalars, patterns match the whole string. All broken constraints are reported at once, in \
        one ValidationException; a wrong JSON type, malformed JSON or a duplicate member is a SerializationException. Every answer carries \
        x-amzn-RequestId and Date, every error x-amzn-ErrorType.
        """

    private static let signature = """
        AWS Signature Version 4 for the service kinesisvideo, in the Authorization header or in the query string. The credential scope's region \
        is the region the call is about.
        """

    private static func operation(_ contract: OperationContract, _ schemas: inout [String: JSONValue]) -> JSONValue {
        var responses: [(key: String, value: JSONValue)] = [("200", success(contract, &schemas))]
        let codes = (contract.errors + ErrorCode.common).filter { $0 != .methodNotAllowed }
        for status in Set(codes.map(\.status)).sorted() {
            responses.append((String(status), failure(codes.filter { $0.status == status })))
        }
        return .object([
            "operationId": .string(contract.id.rawValue),
            "summary": .string(contract.summary),
            "description": .string(contract.documentation),
            "tags": .array(["Streams"]),
            "requestBody": .object([
                "required": .bool(contract.input.hasRequiredMember),
                "content": .object([
                    "application/json": .object([
                        "schema": reference(contract.input, &schemas), "example": parsed(contract.exampleRequest),
                    ])
                ]),
            ]),
            "responses": .object(JSONObject(responses)),
        ])
    }

    private static func success(_ contract: OperationContract, _ schemas: inout [String: JSONValue]) -> JSONValue {
        let headers: JSONValue = .object(["x-amzn-RequestId": requestIDHeader])
        guard let output = contract.output else {
            return .object(["description": "Accepted. The body is empty.", "headers": headers])
        }
        return .object([
            "description": "The answer.",
            "headers": headers,
            "content": .object([
                "application/json": .object([
                    "schema": reference(output, &schemas), "example": parsed(contract.exampleResponse),
                ])
            ]),
        ])
    }

    private static let requestIDHeader: JSONValue = .object([
        "description": "Names the call in the server's log.", "required": .bool(true), "schema": .object(["type": "string"]),
    ])

    private static func failure(_ codes: [ErrorCode]) -> JSONValue {
        let names = codes.map(\.rawValue)
        let bodies = codes.map { JSONValue.object(["$ref": .string("#/components/schemas/\($0.rawValue)")]) }
        return .object([
            "description": .string(names.joined(separator: ", ")),
            "headers": .object([
                "x-amzn-RequestId": requestIDHeader,
                "x-amzn-ErrorType": .object([
                    "description": "Which error it is.", "required": .bool(true),
                    "schema": .object(["type": "string", "enum": .array(names.map { .string($0) })]),
                ]),
            ]),
            "content": .object([
                "application/json": .object(["schema": bodies.count == 1 ? bodies[0] : .object(["anyOf": .array(bodies)])])
            ]),
        ])
    }

    private static func errorSchema(_ code: ErrorCode) -> JSONValue {
        .object([
            "type": "object",
            "description": .string("\(code.rawValue), sent with HTTP status \(code.status)."),
            "required": .array([.string(code.messageMember)]),
            "properties": .object([code.messageMember: .object(["type": "string", "description": "What is wrong, and what to do."])]),
        ])
    }

    /// A structure becomes a component and is referred to; anything else stands where it is used.
    private static func reference(_ schema: Schema, _ schemas: inout [String: JSONValue]) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = []
        switch schema.kind {
        case .structure(let name, let structureMembers):
            if schemas[name] == nil { schemas[name] = structure(structureMembers, &schemas) }
            return .object(["$ref": .string("#/components/schemas/\(name)")])
        case .string: members.append(("type", "string"))
        case .boolean: members.append(("type", "boolean"))
        case .integer: members += [("type", "integer"), ("format", "int32")]
        case .timestamp:
            members += [("type", "number"), ("description", "Seconds since the epoch, with a fraction of milliseconds.")]
        case .list(let element): members += [("type", "array"), ("items", reference(element, &schemas))]
        case .map(let key, let value):
            members += [
                ("type", "object"), ("propertyNames", reference(key, &schemas)), ("additionalProperties", reference(value, &schemas)),
            ]
        }
        if schema.isSensitive { members.append(("x-weir-sensitive", .bool(true))) }
        for constraint in schema.constraints {
            if let keyword = keyword(constraint, on: schema.kind) { members.append(keyword) }
        }
        return .object(JSONObject(members))
    }

    private static func structure(_ members: [Schema.Member], _ schemas: inout [String: JSONValue]) -> JSONValue {
        var properties: [(key: String, value: JSONValue)] = []
        for member in members {
            guard case .object(let described) = reference(member.schema, &schemas) else { continue }
            let rest = described.members.filter { $0.key != "description" }
            properties.append((member.name, .object(JSONObject([("description", .string(member.documentation))] + rest))))
        }
        let required = members.filter(\.isRequired).map { JSONValue.string($0.name) }
        var object: [(key: String, value: JSONValue)] = [("type", "object")]
        if !required.isEmpty { object.append(("required", .array(required))) }
        object.append(("properties", .object(JSONObject(properties))))
        return .object(JSONObject(object))
    }

    private static func keyword(_ constraint: Constraint, on kind: Schema.Kind) -> (key: String, value: JSONValue)? {
        let isMap = if case .map = kind { true } else { false }
        return switch constraint {
        case .minimumLength(let length): ("minLength", .integer(Int64(length)))
        case .maximumLength(let length): ("maxLength", .integer(Int64(length)))
        // A JSON Schema pattern may match anywhere in the string, the service's match all of it.
        case .pattern(let pattern): ("pattern", .string(pattern.anchored))
        case .oneOf(let values): ("enum", .array(values.map { .string($0) }))
        case .minimum(let value): ("minimum", .integer(Int64(value)))
        case .maximum(let value): ("maximum", .integer(Int64(value)))
        case .minimumCount(let count): (isMap ? "minProperties" : "minItems", .integer(Int64(count)))
        case .maximumCount(let count): (isMap ? "maxProperties" : "maxItems", .integer(Int64(count)))
        case .required: nil
        }
    }

    private static func parsed(_ example: String) -> JSONValue {
        do {
            return try JSONParser.parse(Array(example.utf8))
        } catch {
            preconditionFailure("an example of the contract is not JSON: \(error.message)")
        }
    }
}

extension Schema {
    /// Whether an object without members would be refused.
    var hasRequiredMember: Bool {
        guard case .structure(_, let members) = kind else { return false }
        return members.contains(where: \.isRequired)
    }
}

extension Pattern {
    /// The expression made to match the whole string, for readers that would take a part.
    var anchored: String { expression.hasPrefix("^") && expression.hasSuffix("$") ? expression : "^(?:\(expression))$" }
}

// The document is written as literals, which are values of JSON.
extension JSONValue: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements.map { (key: $0.0, value: $0.1) })
    }
}
