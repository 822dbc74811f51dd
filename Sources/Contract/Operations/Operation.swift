/// An operation of an API: what goes in, what comes out, and everything else that is known of it.
public protocol Operation: Sendable {
    associatedtype Input: Sendable
    associatedtype Output: Sendable

    static var input: Shape<Input> { get }
    /// Nil where success is an empty body.
    static var output: Shape<Output>? { get }
    static var contract: OperationContract { get }
}

/// Where the members of an input are that are not in the body.
public protocol RequestHead {
    /// The value of the header with this name, in whatever case; nil where there is none.
    func header(_ name: String) -> String?
    /// The value of the parameter of the query with exactly this name, decoded; nil where there is none.
    func query(_ name: String) -> String?
}

extension Operation {
    /// Reads a request all of whose input is in its JSON body: every broken constraint at once, or the first wrong type. An empty body means `{}`.
    @inlinable public static func decode(_ body: UnsafeRawBufferPointer) throws(OperationError) -> Input {
        var decoding = Decoding()
        if let decoded = try read(body, &decoding), decoding.violations.isEmpty { return decoded }
        throw .validation(decoding.violations, hasStopped: decoding.hasStopped)
    }

    /// Reads a request: the members that are bound to headers and the query from `head`, by the same shapes as those of the body. `body` is looked at
    /// only where the operation's payload is JSON.
    public static func decode(_ body: UnsafeRawBufferPointer, _ head: some RequestHead) throws(OperationError) -> Input {
        let contract = contract
        guard !contract.boundInput.isEmpty || contract.payload != .json else { return try decode(body) }
        var members: [(key: String, value: JSONValue)] = []
        if contract.payload == .json {
            let json = try parse(body)
            // What is no object has no members, and is refused by the shape.
            guard case .object(let object) = json else { return try decode(body) }
            // What is bound elsewhere is unknown to the body.
            members = object.members.filter { member in !contract.boundInput.contains { $0.name.hasSameScalars(as: member.key) } }
        }
        for member in contract.boundInput {
            let text =
                switch member.place {
                case .body: String?.none
                case .header(let name): head.header(name)
                case .query(let name): head.query(name)
                }
            if let text { members.append((member.name, JSONValue(text: text, of: member.schema.kind))) }
        }
        var decoding = Decoding()
        if let decoded = try read(.object(JSONObject(members)), &decoding), decoding.violations.isEmpty { return decoded }
        throw .validation(decoding.violations, hasStopped: decoding.hasStopped)
    }

    /// Reads a request body; `decoding` then holds what is broken, and the result is nil if anything is.
    @inlinable static func read(_ body: UnsafeRawBufferPointer, _ decoding: inout Decoding) throws(OperationError) -> Input? {
        try read(parse(body), &decoding)
    }

    @inlinable static func read(_ json: JSONValue, _ decoding: inout Decoding) throws(OperationError) -> Input? {
        do throws(SerializationError) {
            return try input.decode(json, &decoding)
        } catch {
            throw OperationError(.serialization, error.message)
        }
    }

    @usableFromInline static func parse(_ body: UnsafeRawBufferPointer) throws(OperationError) -> JSONValue {
        do throws(JSONError) {
            // Three times as many as the largest list may have.
            return body.isEmpty ? .object(JSONObject()) : try JSONParser.parse(body, maximumContainers: 16_384)
        } catch {
            throw OperationError(.serialization, "The request body is not valid JSON: \(error.message).")
        }
    }

    /// The JSON body of a successful answer.
    @inlinable public static func encode(_ value: Output) -> [UInt8] {
        guard let output else { return [] }
        var writer = JSONWriter(capacity: 512)
        output.encode(value, &writer)
        return writer.bytes
    }

    /// The headers of a successful answer that members of the output are bound to, but for those that have no value. A text of the output stands
    /// there as it is: whoever writes the head refuses what no header may hold.
    public static func headers(of value: Output) -> [(name: String, value: String)] {
        output?.headers?(value) ?? []
    }
}

extension JSONValue {
    /// What a header or a parameter of the query says, as the value that JSON would have for a member of this kind. A text that is no such value
    /// stays a string, which has the wrong type then.
    fileprivate init(text: String, of kind: Schema.Kind) {
        self = .string(text)
        switch kind {
        case .string, .list, .map, .structure: return
        case .boolean, .integer, .long, .timestamp:
            guard let parsed = try? JSONParser.parse(Array(text.utf8)) else { return }
            switch parsed {
            case .bool, .integer, .number: self = parsed
            case .null, .string, .array, .object: return
            }
        }
    }
}

extension OperationError {
    /// The refusal that lists every broken constraint that was found. It says so where decoding `hasStopped` before the end.
    @usableFromInline static func validation(_ violations: [Violation], hasStopped: Bool) -> OperationError {
        let count = "\(violations.count) validation error\(violations.count == 1 ? "" : "s") detected"
        let text = violations.map(\.text).joined(separator: "; ")
        return OperationError(.validation, hasStopped ? "At least \(count), and no more looked for: \(text)" : "\(count): \(text)")
    }
}
