/// A type on the wire: how it is decoded and checked, how it is encoded, and what the documentation says of it.
///
/// One declaration serves all three, so none can drift from the others.
public struct Shape<Value: Sendable>: Sendable {
    /// Nil where a constraint was broken, which `Decoding` then holds; a wrong JSON type ends the decoding.
    @usableFromInline let decode: @Sendable (JSONValue, inout Decoding) throws(SerializationError) -> Value?
    @usableFromInline let encode: @Sendable (Value, inout JSONWriter) -> Void
    /// The shape, described.
    public let schema: Schema
    /// The members that are bound to headers, each with its name there; nil where none is.
    var headers: (@Sendable (Value) -> [(name: String, value: String)])?
}

extension Shape {
    /// The same shape, decoded from what `mend` makes of a value: for what the service takes although its model forbids it.
    func reading(_ mend: @escaping @Sendable (JSONValue) -> JSONValue) -> Shape {
        Shape(
            decode: { [decode] value, decoding throws(SerializationError) in try decode(mend(value), &decoding) }, encode: encode,
            schema: schema, headers: headers)
    }
}

extension Shape where Value == String {
    /// A string whose length is counted in Unicode scalars and whose pattern matches the whole of it. A sensitive one is never repeated
    /// in a message.
    static func string(_ length: ClosedRange<Int>? = nil, _ pattern: Pattern? = nil, isSensitive: Bool = false) -> Shape {
        var constraints: [Constraint] = []
        if let length {
            constraints = [.minimumLength(length.lowerBound), .maximumLength(length.upperBound)]
        }
        if let pattern { constraints.append(.pattern(pattern)) }
        return string(Schema(.string, constraints, isSensitive: isSensitive))
    }

    /// The raw value of one of the type's cases; for the keys of a map.
    static func rawValue<Named: RawRepresentable & CaseIterable>(of type: Named.Type) -> Shape where Named.RawValue == String {
        string(Schema(.string, [.oneOf(Named.allCases.map(\.rawValue))]))
    }

    private static func string(_ schema: Schema) -> Shape {
        Shape(
            decode: { value, decoding throws(SerializationError) in
                guard case .string(let string) = value else { throw decoding.wrongType("a string", value) }
                return decoding.check(string, against: schema) ? string : nil
            },
            encode: { $1.string($0) },
            schema: schema)
    }
}

extension Shape where Value == Bool {
    /// `true` or `false`; a number or a string has the wrong type.
    static let boolean = Shape(
        decode: { value, decoding throws(SerializationError) in
            guard case .bool(let bool) = value else { throw decoding.wrongType("true or false", value) }
            return bool
        },
        encode: { $1.bool($0) },
        schema: Schema(.boolean))
}

extension Shape where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the type's cases, by its raw value.
    static func enumeration(_ type: Value.Type) -> Shape {
        let schema = Schema(.string, [.oneOf(Value.allCases.map(\.rawValue))])
        return Shape(
            decode: { value, decoding throws(SerializationError) in
                guard case .string(let string) = value else { throw decoding.wrongType("a string", value) }
                guard decoding.check(string, against: schema) else { return nil }
                return Value(rawValue: string)
            },
            encode: { $1.string($0.rawValue) },
            schema: schema)
    }
}

extension Shape where Value == Int {
    /// A whole number, also where it is written as `24.0` or `2.4e1`, which JSON and its schemas take for the same; a boolean, a fraction or
    /// one that needs more than 32 bits has the wrong type.
    static func integer(minimum: Int? = nil, maximum: Int? = nil) -> Shape {
        wholeNumber(.integer, minimum, maximum, "a whole number of at most 32 bits", \.wholeNumber)
    }

    /// The same of at most 64 bits.
    static func long(minimum: Int? = nil, maximum: Int? = nil) -> Shape {
        wholeNumber(.long, minimum, maximum, "a whole number of at most 64 bits", \.longNumber)
    }

    private static func wholeNumber(
        _ kind: Schema.Kind, _ minimum: Int?, _ maximum: Int?, _ expected: String, _ number: @escaping @Sendable (JSONValue) -> Int?
    ) -> Shape {
        var constraints: [Constraint] = []
        if let minimum { constraints.append(.minimum(minimum)) }
        if let maximum { constraints.append(.maximum(maximum)) }
        let schema = Schema(kind, constraints)
        return Shape(
            decode: { value, decoding throws(SerializationError) in
                guard let integer = number(value) else { throw decoding.wrongType(expected, value) }
                var holds = true
                for constraint in schema.constraints where !constraint.holds(for: integer) {
                    if decoding.report(constraint, value: String(integer)) { holds = false }
                }
                return holds ? integer : nil
            },
            encode: { $1.integer(Int64($0)) },
            schema: schema)
    }
}

extension JSONValue {
    /// The number, if it is one without a fraction that 32 bits hold.
    fileprivate var wholeNumber: Int? {
        switch self {
        case .integer(let integer): Int32(exactly: integer).map { Int($0) }
        case .number(let number): Int32(exactly: number).map { Int($0) }
        case .null, .bool, .string, .array, .object: nil
        }
    }

    /// The number, if it is one without a fraction that 64 bits hold; with a point or an exponent, 53 bits.
    fileprivate var longNumber: Int? {
        switch self {
        case .integer(let integer): Int(integer)
        // One that is farther from zero may have been rounded to this.
        case .number(let number): number.magnitude < 0x1p53 ? Int(exactly: number) : nil
        case .null, .bool, .string, .array, .object: nil
        }
    }
}

/// A moment, to the millisecond.
public struct Timestamp: Sendable, Hashable {
    public let millisecondsSinceEpoch: Int64

    public init(millisecondsSinceEpoch: Int64) {
        self.millisecondsSinceEpoch = millisecondsSinceEpoch
    }
}

extension Shape where Value == Timestamp {
    /// Seconds since the epoch with a fraction of milliseconds: what is finer is rounded. Some 30,000 years from the epoch are
    /// understood, within which a double is exact to the millisecond.
    static let timestamp = Shape(
        decode: { value, decoding throws(SerializationError) in
            switch value {
            case .integer(let seconds) where seconds.magnitude < 1_000_000_000_000:
                return Timestamp(millisecondsSinceEpoch: seconds * 1000)
            case .number(let seconds) where seconds.magnitude < 1e12:
                return Timestamp(millisecondsSinceEpoch: Int64((seconds * 1000).rounded()))
            case .integer, .number: throw decoding.wrongType("a number of seconds since the epoch, below 1000000000000", value)
            case .null, .bool, .string, .array, .object: throw decoding.wrongType("a number of seconds since the epoch", value)
            }
        },
        encode: { $1.milliseconds($0.millisecondsSinceEpoch) },
        schema: Schema(.timestamp))
}

extension Shape {
    /// A list, each of whose elements has the shape `element`.
    static func list<Element>(_ element: Shape<Element>, count: ClosedRange<Int>? = nil) -> Shape where Value == [Element] {
        let schema = Schema(.list(element.schema), count.map { [.minimumCount($0.lowerBound), .maximumCount($0.upperBound)] } ?? [])
        return Shape(
            decode: { value, decoding throws(SerializationError) in
                guard case .array(let values) = value else { throw decoding.wrongType("an array", value) }
                var holds = decoding.check(count: values.count, against: schema)
                let count = decoding.elements(of: values.count, isAllowed: holds)
                var elements: [Element] = []
                elements.reserveCapacity(count)
                for (index, value) in values.prefix(count).enumerated() {
                    guard !decoding.stops() else { return nil }
                    let decoded = try decoding.at("\(index + 1).member") { decoding throws(SerializationError) in
                        try decoding.present(value, element)
                    }
                    if let decoded { elements.append(decoded) } else { holds = false }
                }
                return holds ? elements : nil
            },
            encode: { elements, writer in
                writer.beginArray()
                for value in elements { element.encode(value, &writer) }
                writer.endArray()
            },
            schema: schema)
    }

    /// A map from strings of the shape `key` to values of the shape `value`, as a list of entries: Swift's dictionaries would take
    /// two keys that are only canonically equivalent for one. A broken rule of a key is told at `tags.key`, one of a value at
    /// `tags.<key>.value`. Encoded in the byte order of the keys, so that equal maps give equal bytes.
    static func map<Element: Sendable>(_ key: Shape<String>, _ value: Shape<Element>, count: ClosedRange<Int>? = nil) -> Shape
    where Value == [MapEntry<Element>] {
        let schema = Schema(
            .map(key: key.schema, value: value.schema),
            count.map { [.minimumCount($0.lowerBound), .maximumCount($0.upperBound)] } ?? [])
        return Shape(
            decode: { json, decoding throws(SerializationError) in
                guard case .object(let object) = json else { throw decoding.wrongType("an object", json) }
                var holds = decoding.check(count: object.members.count, against: schema)
                let count = decoding.elements(of: object.members.count, isAllowed: holds)
                var entries: [MapEntry<Element>] = []
                entries.reserveCapacity(count)
                for member in object.members.prefix(count) {
                    guard !decoding.stops() else { return nil }
                    let decodedKey = try decoding.at("key") { decoding throws(SerializationError) in
                        try key.decode(.string(member.key), &decoding)
                    }
                    let decodedValue = try decoding.at("\(member.key.echoed).value") { decoding throws(SerializationError) in
                        try decoding.present(member.value, value)
                    }
                    if let decodedKey, let decodedValue {
                        entries.append(MapEntry(key: decodedKey, value: decodedValue))
                    } else {
                        holds = false
                    }
                }
                return holds ? entries : nil
            },
            encode: { entries, writer in
                writer.beginObject()
                for entry in entries.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                    writer.key(entry.key)
                    value.encode(entry.value, &writer)
                }
                writer.endObject()
            },
            schema: schema)
    }
}

/// An entry of a map. Keys of one map differ in at least one Unicode scalar.
public struct MapEntry<Element: Sendable>: Sendable {
    public let key: String
    public let value: Element

    public init(key: String, value: Element) {
        self.key = key
        self.value = value
    }
}

extension Decoding {
    /// Reports every constraint of `schema` that `string` breaks; true where there is none.
    mutating func check(_ string: String, against schema: Schema) -> Bool {
        // Most values are ASCII, where the bytes are the scalars.
        let bytes = string.utf8
        let length = bytes.allSatisfy { $0 < 0x80 } ? bytes.count : string.unicodeScalars.count
        var holds = true
        for constraint in schema.constraints where !constraint.holds(for: string, length: length) {
            if report(constraint, value: schema.isSensitive ? "***" : string.echoed) { holds = false }
        }
        return holds
    }

    /// Reports every constraint of `schema` that a collection of `count` elements breaks; true where there is none.
    mutating func check(count: Int, against schema: Schema) -> Bool {
        var holds = true
        for constraint in schema.constraints where !constraint.holds(forCount: count) {
            if report(constraint, value: "\(count) elements") { holds = false }
        }
        return holds
    }

    /// Decodes an element that has to be there: null is a broken rule.
    mutating func present<Value>(_ value: JSONValue, _ shape: Shape<Value>) throws(SerializationError) -> Value? {
        if case .null = value {
            _ = report(.required, value: nil)
            return nil
        }
        return try shape.decode(value, &self)
    }
}
