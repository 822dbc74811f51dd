/// A member of the structure `Owner`, which its initialiser takes as a `Value`.
struct Member<Owner: Sendable, Value: Sendable>: Sendable {
    /// Nil where a constraint was broken.
    let decode: @Sendable (JSONObject, inout Decoding) throws(SerializationError) -> Value?
    let encode: @Sendable (Owner, inout JSONWriter) -> Void
    let schema: Schema.Member
}

/// A member that must be there.
func required<Owner, Value>(
    _ name: String, _ shape: Shape<Value>, _ get: @escaping @Sendable (Owner) -> Value, _ documentation: String
) -> Member<Owner, Value> {
    let pathName = name.lowerCasedFirst
    return Member(
        decode: { object, decoding throws(SerializationError) in
            try decoding.at(pathName) { decoding throws(SerializationError) in try decoding.present(object[name] ?? .null, shape) }
        },
        encode: { owner, writer in
            writer.key(name)
            shape.encode(get(owner), &writer)
        },
        schema: Schema.Member(name: name, isRequired: true, schema: shape.schema, documentation: documentation))
}

/// A member that may be absent or null, which mean the same; it is left out where there is no value to send.
func optional<Owner, Value>(
    _ name: String, _ shape: Shape<Value>, _ get: @escaping @Sendable (Owner) -> Value?, _ documentation: String
) -> Member<Owner, Value?> {
    let pathName = name.lowerCasedFirst
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
        encode: { owner, writer in
            guard let value = get(owner) else { return }
            writer.key(name)
            shape.encode(value, &writer)
        },
        schema: Schema.Member(name: name, isRequired: false, schema: shape.schema, documentation: documentation))
}

/// A JSON object with these members in this order; members it does not know are ignored.
///
/// This is the only function with a parameter pack: overloads of fixed arity could replace it without touching a call.
func structure<Value, each Part: Sendable>(
    _ name: String, _ make: @escaping @Sendable (repeat each Part) -> Value, _ members: repeat Member<Value, each Part>
) -> Shape<Value> {
    var described: [Schema.Member] = []
    for member in repeat each members { described.append(member.schema) }
    return Shape(
        decode: { value, decoding throws(SerializationError) in
            guard case .object(let object) = value else { throw decoding.wrongType("an object", value) }
            let parts = (repeat try (each members).decode(object, &decoding))
            for part in repeat each parts {
                guard part != nil else { return nil }
            }
            return make(repeat certain(each parts))
        },
        encode: { owner, writer in
            writer.beginObject()
            for member in repeat each members { member.encode(owner, &writer) }
            writer.endObject()
        },
        schema: Schema(.structure(name: name, members: described)))
}

/// The part, which the caller has just seen to be there.
private func certain<Part>(_ part: Part?) -> Part {
    guard let part else { preconditionFailure("a part was missing although every part had been checked") }
    return part
}
