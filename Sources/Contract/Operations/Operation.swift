/// An operation of the API: what goes in, what comes out, and everything the documentation says of it.
public protocol Operation: Sendable {
    associatedtype Input: Sendable
    associatedtype Output: Sendable

    static var input: Shape<Input> { get }
    /// Nil where success is an empty body.
    static var output: Shape<Output>? { get }
    static var contract: OperationContract { get }
}

/// What the documentation says of an operation.
public struct OperationContract: Sendable {
    public let id: OperationID
    /// The operation in a few words.
    public let summary: String
    /// What it does, and the rules that a schema cannot state, in our own words.
    public let documentation: String
    public let input: Schema
    public let output: Schema?
    /// The modelled errors, besides those common to all operations.
    public let errors: [ErrorCode]
    /// A body that is accepted, as JSON.
    public let exampleRequest: String
    /// What it is answered with, as JSON; empty for an empty body.
    public let exampleResponse: String

    init<Of: Operation>(
        _ id: OperationID, of operation: Of.Type, summary: String, documentation: String, errors: [ErrorCode], exampleRequest: String,
        exampleResponse: String = ""
    ) {
        self.id = id
        self.summary = summary
        self.documentation = documentation
        input = Of.input.schema
        output = Of.output?.schema
        self.errors = errors
        self.exampleRequest = exampleRequest
        self.exampleResponse = exampleResponse
    }
}

extension Operation {
    /// Reads a request body: every broken constraint at once, or the first wrong type. An empty body means `{}`.
    public static func decode(_ body: UnsafeRawBufferPointer) throws(OperationError) -> Input {
        var decoding = Decoding()
        if let decoded = try read(body, &decoding), decoding.violations.isEmpty { return decoded }
        throw .validation(decoding.violations)
    }

    /// Reads a request body; `decoding` then holds what is broken, and the result is nil if anything is.
    static func read(_ body: UnsafeRawBufferPointer, _ decoding: inout Decoding) throws(OperationError) -> Input? {
        do {
            let json = body.isEmpty ? .object(JSONObject([])) : try JSONParser.parse(body)
            return try input.decode(json, &decoding)
        } catch let error as JSONError {
            throw OperationError(.serialization, "The request body is not valid JSON: \(error.message).")
        } catch let error as SerializationError {
            throw OperationError(.serialization, error.message)
        } catch {
            throw OperationError(.serialization, "The request body cannot be read.")
        }
    }

    /// The body of a successful answer.
    public static func encode(_ value: Output) -> [UInt8] {
        guard let output else { return [] }
        var writer = JSONWriter()
        output.encode(value, &writer)
        return writer.bytes
    }
}

extension OperationError {
    /// The refusal that lists every broken constraint; a list that would be longer than anybody reads is cut, and says so.
    static func validation(_ violations: [Violation]) -> OperationError {
        let shown = 200
        var text = violations.prefix(shown).map(\.text).joined(separator: "; ")
        if violations.count > shown { text += "; and \(violations.count - shown) more" }
        return OperationError(.validation, "\(violations.count) validation error\(violations.count == 1 ? "" : "s") detected: \(text)")
    }
}
