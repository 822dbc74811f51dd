/// One row of a result: the values in the order of the statement's columns, and a cursor that decoders move along.
public struct Row: Sendable {
    /// The values, one for each column, in the statement's order.
    public let values: [SQLValue]
    private var next = 0

    /// A row of `values`, with the cursor before the first.
    public init(_ values: [SQLValue]) {
        self.values = values
    }

    /// The next column as text; any other type is a mistake in the statement and thrown as one.
    public mutating func text() throws(DatabaseError) -> String {
        if case .text(let value) = try take() { return value }
        throw mistake("text")
    }

    /// The next column as text, or nil where it is NULL.
    public mutating func optionalText() throws(DatabaseError) -> String? {
        switch try take() {
        case .text(let value): return value
        case .null: return nil
        case .integer: throw mistake("text or NULL")
        }
    }

    /// The next column as an integer; any other type is a mistake in the statement and thrown as one.
    public mutating func integer() throws(DatabaseError) -> Int64 {
        if case .integer(let value) = try take() { return value }
        throw mistake("an integer")
    }

    /// The next column as an integer, or nil where it is NULL.
    public mutating func optionalInteger() throws(DatabaseError) -> Int64? {
        switch try take() {
        case .integer(let value): return value
        case .null: return nil
        case .text: throw mistake("an integer or NULL")
        }
    }

    /// The next column as a case of an enum; text that names none is a mistake and thrown as one.
    public mutating func value<Value: RawRepresentable<String>>(_ type: Value.Type = Value.self) throws(DatabaseError) -> Value {
        guard let value = Value(rawValue: try text()) else { throw mistake("a \(Value.self)") }
        return value
    }

    private mutating func take() throws(DatabaseError) -> SQLValue {
        guard next < values.count else {
            throw DatabaseError(.mistake, "the decoder reads more than the \(values.count) columns there are")
        }
        defer { next += 1 }
        return values[next]
    }

    // The value itself may be a secret: only its place is told.
    private func mistake(_ expected: String) -> DatabaseError {
        DatabaseError(.mistake, "column \(next) is not \(expected)")
    }
}
