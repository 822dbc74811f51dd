public import Contract
public import Store

/// The rules of the service: what a validated call does, whoever delivers it.
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct ControlPlane: Sendable {
    let store: Store
    let rules: ServiceRules
    let pageTokens: PageTokens
    /// Called after a change that left work to do; it must return at once.
    let workIsWaiting: @Sendable () -> Void

    /// The rules on top of a store. `masterKey` authenticates page tokens: instances that share clients share it.
    public init(store: Store, rules: ServiceRules, masterKey: MasterKey, workIsWaiting: @escaping @Sendable () -> Void) {
        self.store = store
        self.rules = rules
        pageTokens = PageTokens(masterKey)
        self.workIsWaiting = workIsWaiting
    }

    /// Decodes and checks a request body and finds out what it is about, without touching the store. Throws ValidationException,
    /// SerializationException, InvalidArgumentException, InvalidResourceFormatException or AccessDeniedException.
    public func prepare(_ id: OperationID, _ body: UnsafeRawBufferPointer, _ caller: Caller) throws(OperationError) -> PreparedCall {
        switch id {
        case .createStream: try prepare(CreateStream.self, body, caller)
        case .deleteStream: try prepare(DeleteStream.self, body, caller)
        case .describeStream: try prepare(DescribeStream.self, body, caller)
        case .describeStreamStorageConfiguration: try prepare(DescribeStreamStorageConfiguration.self, body, caller)
        case .getDataEndpoint: try prepare(GetDataEndpoint.self, body, caller)
        case .listStreams: try prepare(ListStreams.self, body, caller)
        case .listTagsForStream: try prepare(ListTagsForStream.self, body, caller)
        case .tagStream: try prepare(TagStream.self, body, caller)
        case .untagStream: try prepare(UntagStream.self, body, caller)
        case .updateDataRetention: try prepare(UpdateDataRetention.self, body, caller)
        case .updateStream: try prepare(UpdateStream.self, body, caller)
        case .updateStreamStorageConfiguration: try prepare(UpdateStreamStorageConfiguration.self, body, caller)
        }
    }

    private func prepare<Operation: Rule>(
        _ operation: Operation.Type, _ body: UnsafeRawBufferPointer, _ caller: Caller
    ) throws(OperationError) -> PreparedCall {
        let input = try Operation.decode(body)
        let subject = try Operation.subject(of: input, caller)
        let call = Call(plane: self, caller: caller, operation: Operation.contract.id)
        return PreparedCall(resourceName: subject.resourceName) { () async throws(OperationError) -> [UInt8] in
            Operation.encode(try await Operation.answer(input, subject, call))
        }
    }
}

/// A call that is valid and allowed, ready to be made.
public struct PreparedCall: Sendable {
    /// The name of the one resource that the call is about, for rates per resource; nil where it is about none.
    public let resourceName: String?
    /// Makes the call; answers the body.
    public let perform: @Sendable () async throws(OperationError) -> [UInt8]
}

/// Who calls, as the signature says, and what of the request matters to the rules.
public struct Caller: Sendable {
    /// Twelve digits.
    public let account: String
    public let region: String
    public let keyID: String
    public let requestID: String
    /// Present where the client can make the same call again.
    public let retry: Change.Retry?
    /// Scheme and host at which the client reached this deployment, such as `https://kvs.example.com:8443`; nil where it named none.
    public let origin: String?

    public init(account: String, region: String, keyID: String, requestID: String, retry: Change.Retry?, origin: String?) {
        self.account = account
        self.region = region
        self.keyID = keyID
        self.requestID = requestID
        self.retry = retry
        self.origin = origin
    }
}

/// What the rule of an operation works with.
struct Call: Sendable {
    let plane: ControlPlane
    let caller: Caller
    let operation: OperationID

    /// This call as a change of the store, under a fresh token.
    func change() -> Change {
        Change(
            token: Token.random(), operation: operation.rawValue, keyID: caller.keyID, requestID: caller.requestID, retry: caller.retry)
    }
}

/// The rule of an operation: one file for each, named like the operation's file in Contract.
protocol Rule: Operation {
    associatedtype Subject: CallSubject

    /// What the call is about. Refuses what the input alone shows to be wrong or not allowed.
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> Subject

    /// Does what the operation is for: at most one read and one batch unless it is refused.
    static func answer(_ input: Input, _ subject: Subject, _ call: Call) async throws(OperationError) -> Output
}

/// What a call is about.
protocol CallSubject: Sendable {
    /// The name of the one resource that it is about, or nil.
    var resourceName: String? { get }
}

/// The caller's account and region as a whole.
struct WholeAccount: CallSubject {
    let resourceName: String? = nil
}
