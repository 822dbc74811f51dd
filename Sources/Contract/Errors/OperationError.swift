/// Why a call was refused: an error type, a message for the caller, and apart from both what only operators may see.
///
/// It has no description on purpose: what goes to a client is `publicMessage`, by name, and nothing else can get there by accident.
public struct OperationError: Error, Sendable {
    public let code: ErrorCode
    /// Says which resource, which member, which rule, and what to do.
    public let publicMessage: String
    /// For the log; never sent.
    public let privateContext: String?

    /// A refusal with its message for the caller and, apart, context for the log.
    public init(_ code: ErrorCode, _ publicMessage: String, privateContext: String? = nil) {
        self.code = code
        self.publicMessage = publicMessage
        self.privateContext = privateContext
    }

    /// What the service itself is to blame for, and no repetition helps; `context` says what, in the log alone.
    public static func internalFailure(_ context: String) -> OperationError {
        OperationError(.internalFailure, "The request cannot be processed because of an internal failure.", privateContext: context)
    }

    /// What may work when it is tried again; `context` says what failed, in the log alone.
    public static func unavailable(_ context: String) -> OperationError {
        OperationError(.serviceUnavailable, "The service is temporarily unavailable. Try again.", privateContext: context)
    }

    /// The body of the answer, as clients of the API expect it; `api` is nil for a request that reached none.
    public func body(in api: API?) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key(code.messageMember(in: api))
        writer.string(publicMessage)
        writer.endObject()
        return writer.bytes
    }
}
