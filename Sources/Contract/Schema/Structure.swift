/// A member of the structure `Owner`, which its initialiser takes as a `Value`.
struct Member<Owner: Sendable, Value: Sendable>: Sendable {
    /// Nil where a constraint was broken.
    let decode: @Sendable (JSONObject, inout Decoding) throws(SerializationError) -> Value?
    /// Writes the value, after its name where `isNamed`; nothing where there is no value to send.
    let encode: @Sendable (Owner, _ isNamed: Bool, inout JSONWriter) -> Void
    var schema: Schema.Member
}

/// A member that must be there.
func required<Owner, Value>(
    _ name: String, _ shape: Shape<Value>, _ get: @escaping @Sendable (Owner) -> Value, _ documentation: String
) -> Member<Owner, Value> {
    let (pathName, key) = (name.lowerCasedFirst, JSONWriter.Key(name))
    return Member(
        decode: { object, decoding throws(SerializationError) in
            try decoding.at(pathName) { decoding throws(SerializationError) in try decoding.present(object[name] ?? .null, shape) }
        },
        encode: { owner, isNamed, writer in
            if isNamed { writer.key(key) }
            shape.encode(get(owner), &writer)
        },
        schema: Schema.Member(name: name, isRequired: true, schema: shape.schema, documentation: documentation))
}

/// A member that may be absent or null, which mean the same; it is left out where there is no value to send.
func optional<Owner, Value>(
    _ name: String, _ shape: Shape<Value>, _ get: @escaping @Sendable (Owner) -> Value?, _ documentation: String
) -> Member<Owner, Value?> {
    let (pathName, key) = (name.lowerCasedFirst, JSONWriter.Key(name))
    return Member(
        decode: { object, decoding throws(SerializationError) in
            switch object[name] {
            case nil, .null: return .some(nil)
            case .some(let value):
                return try decoding.at(pathName) { decoding throws(SerializationError) in
                    guard let decoded = try shape.decode(value, &decoding) else { return nil }
                    return .some(decoded)
                }
            }
        },
        encode: { owner, isNamed, writer in
            guard let value = get(owner) else { return }
            if isNamed { writer.key(key) }
            shape.encode(value, &writer)
        },
        schema: Schema.Member(name: name, isRequired: false, schema: shape.schema, documentation: documentation))
}

/// A member that is no part of the body, but the header `name` of a request or an answer.
func header<Owner, Value>(_ name: String, _ member: Member<Owner, Value>) -> Member<Owner, Value> { member.bound(to: .header(name)) }

/// A member that is no part of the body, but the parameter `name` of the query of a request.
func query<Owner, Value>(_ name: String, _ member: Member<Owner, Value>) -> Member<Owner, Value> { member.bound(to: .query(name)) }

extension Member {
    fileprivate func bound(to place: Schema.Place) -> Member {
        switch schema.schema.kind {
        case .string, .boolean, .integer, .long, .timestamp: break
        case .list, .map, .structure: preconditionFailure("\(schema.name) is no single value, and can be bound to the body only")
        }
        var member = self
        member.schema.place = place
        return member
    }

    /// The value as a header says it; nil where there is none to send, or an empty one.
    fileprivate func text(of owner: Owner) -> String? {
        var writer = JSONWriter(layout: .bare)
        encode(owner, false, &writer)
        return writer.bytes.isEmpty ? nil : String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// A JSON object with these members in this order, but for those that are bound elsewhere; members it does not know are ignored.
///
/// This is the only function with a parameter pack: overloads of fixed arity could replace it without touching a call.
func structure<Value, each Part: Sendable>(
    _ name: String, _ make: @escaping @Sendable (repeat each Part) -> Value, _ members: repeat Member<Value, each Part>
) -> Shape<Value> {
    var described: [Schema.Member] = []
    for member in repeat each members { described.append(member.schema) }
    // What is written one after the other needs no types.
    var inBody: [@Sendable (Value, Bool, inout JSONWriter) -> Void] = []
    var inHead: [@Sendable (Value) -> (name: String, value: String)?] = []
    for member in repeat each members {
        switch member.schema.place {
        case .body: inBody.append(member.encode)
        case .header(let name): inHead.append { owner in member.text(of: owner).map { (name, $0) } }
        case .query: break
        }
    }
    var headers: (@Sendable (Value) -> [(name: String, value: String)])?
    if !inHead.isEmpty { headers = { [inHead] owner in inHead.compactMap { $0(owner) } } }
    return Shape(
        decode: { value, decoding throws(SerializationError) in
            guard case .object(let object) = value else { throw decoding.wrongType("an object", value) }
            let parts = (repeat try (each members).decode(object, &decoding))
            for part in repeat each parts {
                guard part != nil else { return nil }
            }
            return make(repeat certain(each parts))
        },
        encode: { [inBody] owner, writer in
            writer.beginObject()
            for encode in inBody { encode(owner, true, &writer) }
            writer.endObject()
        },
        schema: Schema(.structure(name: name, members: described)),
        headers: headers)
}

/// The part, which the caller has just seen to be there.
private func certain<Part>(_ part: Part?) -> Part {
    guard let part else { preconditionFailure("a part was missing although every part had been checked") }
    return part
}
