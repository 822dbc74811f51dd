public import Contract
public import Identity
public import Store

/// The rules of the service: what a validated call does, whoever delivers it.
///
/// Threads: a value; what state there is, its parts keep. Any task may use it at any time.
public struct ControlPlane: Sendable {
    let store: Store
    let rules: ServiceRules
    let pageTokens: PageTokens
    /// Called after each change, with what waits since; it must return at once.
    let committed: @Sendable (Waiting) -> Void
    /// Whether the instance is asked to stop: who waits for something to happen gives up then.
    let isStopping: @Sendable () -> Bool
    let outbox: Outbox
    let limits: LimitEvents
    let polls = Polls()
    /// How long a change waits for a passing status to end: a little longer than it takes a worker of another instance to notice.
    var patience = Duration.milliseconds(1500)

    /// The rules on top of a store. `masterKey` authenticates page tokens: instances that share clients share it.
    public init(
        store: Store, rules: ServiceRules, masterKey: MasterKey, isStopping: @escaping @Sendable () -> Bool = { false },
        outbox: Outbox = Outbox(limit: .max), limits: LimitEvents = LimitEvents(), committed: @escaping @Sendable (Waiting) -> Void
    ) {
        self.store = store
        self.rules = rules
        pageTokens = PageTokens(masterKey)
        self.committed = committed
        self.isStopping = isStopping
        self.outbox = outbox
        self.limits = limits
    }

    /// Decodes and checks a request body and finds out what it is about, without touching the store. Throws ValidationException or
    /// SerializationException.
    public func prepare(_ id: OperationID, _ body: UnsafeRawBufferPointer, _ caller: Caller) throws(OperationError) -> PreparedCall {
        switch id {
        case .createSignalingChannel: try prepare(CreateSignalingChannel.self, body, caller)
        case .createStream: try prepare(CreateStream.self, body, caller)
        case .deleteEdgeConfiguration: try prepare(DeleteEdgeConfiguration.self, body, caller)
        case .deleteSignalingChannel: try prepare(DeleteSignalingChannel.self, body, caller)
        case .deleteStream: try prepare(DeleteStream.self, body, caller)
        case .describeEdgeConfiguration: try prepare(DescribeEdgeConfiguration.self, body, caller)
        case .describeImageGenerationConfiguration: try prepare(DescribeImageGenerationConfiguration.self, body, caller)
        case .describeMappedResourceConfiguration: try prepare(DescribeMappedResourceConfiguration.self, body, caller)
        case .describeMediaStorageConfiguration: try prepare(DescribeMediaStorageConfiguration.self, body, caller)
        case .describeNotificationConfiguration: try prepare(DescribeNotificationConfiguration.self, body, caller)
        case .describeSignalingChannel: try prepare(DescribeSignalingChannel.self, body, caller)
        case .describeStream: try prepare(DescribeStream.self, body, caller)
        case .describeStreamStorageConfiguration: try prepare(DescribeStreamStorageConfiguration.self, body, caller)
        case .getDataEndpoint: try prepare(GetDataEndpoint.self, body, caller)
        case .getSignalingChannelEndpoint: try prepare(GetSignalingChannelEndpoint.self, body, caller)
        case .listEdgeAgentConfigurations: try prepare(ListEdgeAgentConfigurations.self, body, caller)
        case .listSignalingChannels: try prepare(ListSignalingChannels.self, body, caller)
        case .listStreams: try prepare(ListStreams.self, body, caller)
        case .listTagsForResource: try prepare(ListTagsForResource.self, body, caller)
        case .listTagsForStream: try prepare(ListTagsForStream.self, body, caller)
        case .startEdgeConfigurationUpdate: try prepare(StartEdgeConfigurationUpdate.self, body, caller)
        case .tagResource: try prepare(TagResource.self, body, caller)
        case .tagStream: try prepare(TagStream.self, body, caller)
        case .untagResource: try prepare(UntagResource.self, body, caller)
        case .untagStream: try prepare(UntagStream.self, body, caller)
        case .updateDataRetention: try prepare(UpdateDataRetention.self, body, caller)
        case .updateImageGenerationConfiguration: try prepare(UpdateImageGenerationConfiguration.self, body, caller)
        case .updateMediaStorageConfiguration: try prepare(UpdateMediaStorageConfiguration.self, body, caller)
        case .updateNotificationConfiguration: try prepare(UpdateNotificationConfiguration.self, body, caller)
        case .updateSignalingChannel: try prepare(UpdateSignalingChannel.self, body, caller)
        case .updateStream: try prepare(UpdateStream.self, body, caller)
        case .updateStreamStorageConfiguration: try prepare(UpdateStreamStorageConfiguration.self, body, caller)
        case .fetchEdgeConfigurations: try prepare(FetchEdgeConfigurations.self, body, caller)
        case .acknowledgeEdgeConfiguration: try prepare(AcknowledgeEdgeConfiguration.self, body, caller)
        case .reportEdgeConfigurationResult: try prepare(ReportEdgeConfigurationResult.self, body, caller)
        case .reportEdgeAgentStatus: try prepare(ReportEdgeAgentStatus.self, body, caller)
        }
    }

    private func prepare<Operation: Rule>(
        _ operation: Operation.Type, _ body: UnsafeRawBufferPointer, _ caller: Caller
    ) throws(OperationError) -> PreparedCall {
        let input = try Operation.decode(body)
        var call = Call(plane: self, caller: caller, contract: Operation.contract)
        let subject = Result { () throws(OperationError) in
            try call.requireOffered()
            return try Operation.subject(of: input, &call)
        }
        return PreparedCall(access: call.access, call: subject.map { [call] in ReadyCall(Operation.self, input, $0, call) })
    }
}

/// What waits for others after a change.
public enum Waiting: Sendable {
    /// A task, for a worker.
    case task
    /// Events, for whoever delivers them.
    case events
}

/// A call whose input is well formed, and what its caller must be allowed to do.
public struct PreparedCall: Sendable {
    public let access: Access
    fileprivate let call: Result<ReadyCall, OperationError>

    /// The call, to be made once its caller is allowed to. Throws InvalidArgumentException, InvalidResourceFormatException or
    /// AccessDeniedException where what it names cannot be: who may not make the call is told nothing of that.
    public func checked() throws(OperationError) -> ReadyCall { try call.get() }
}

/// A call that can be made.
public struct ReadyCall: Sendable {
    /// The name of the one resource that the call is about, for rates per resource; nil where it is about none.
    public let resourceName: String?
    /// Makes the call; returns the body of the answer.
    public let perform: @Sendable () async throws(OperationError) -> [UInt8]

    fileprivate init<Operation: Rule>(
        _ operation: Operation.Type, _ input: Operation.Input, _ subject: Operation.Subject, _ call: Call
    ) {
        resourceName = subject.resourceName
        perform = { () async throws(OperationError) -> [UInt8] in
            switch call.contract.effect {
            case .reads:
                guard Operation.pageLength(input) > longestOnEventLoop else {
                    return Operation.encode(try await Operation.answer(input, subject, call))
                }
                return try await withTaskExecutorPreference(globalConcurrentExecutor) { () async throws(OperationError) in
                    Operation.encode(try await Operation.answer(input, subject, call))
                }
            case .changes:
                if !Operation.lessensEvents(input) { try call.plane.outbox.admitChange(of: call.caller.account) }
                let output = try await Operation.answer(input, subject, call)
                call.plane.committed(.events)
                return Operation.encode(output)
            }
        }
    }
}

/// A call runs on the event loop of its connection. More records than these take so many milliseconds to read and to write down that others on
/// the loop would wait for them: such a page is made by the threads that Swift keeps for work.
private let longestOnEventLoop = 1000

/// What the rule of an operation works with.
struct Call: Sendable {
    let plane: ControlPlane
    let caller: Caller
    let contract: OperationContract
    /// What the caller must be allowed to do, as far as it is known.
    var access: Access

    init(plane: ControlPlane, caller: Caller, contract: OperationContract) {
        self.plane = plane
        self.caller = caller
        self.contract = contract
        access = Access(contract.api, contract.name)
    }

    /// Refuses an operation that is not offered in the region.
    fileprivate func requireOffered() throws(OperationError) {
        guard contract.isOffered(in: caller.region) else {
            throw OperationError(.accessDenied, "\(contract.name) is not available in the region \(caller.region).")
        }
    }

    /// This call as a change of the store, under a fresh token. An operation that finds its work done when the
    /// same call is made twice needs no record of its answer: it passes `repeatable: false`.
    func newChange(repeatable: Bool = true) -> Change {
        Change(
            token: Token.random(), operation: contract.name, keyID: caller.keyID, requestID: caller.requestID,
            retry: repeatable ? caller.invocation.map { Change.Retry(invocationID: $0.id, bodyHash: $0.hash) } : nil)
    }
}

/// The rule of an operation: one file for each, named like the operation's file in Contract.
protocol Rule: Operation {
    associatedtype Subject: CallSubject

    /// What the call is about. Adds what the caller must be allowed to do to `call`, and refuses what the input alone shows to be wrong.
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> Subject

    /// Does what the operation is for: at most one read and one batch unless it is refused.
    static func answer(_ input: Input, _ subject: Subject, _ call: Call) async throws(OperationError) -> Output

    /// Whether fewer events wait in the end for what the call does, so that it is made however many wait.
    static func lessensEvents(_ input: Input) -> Bool

    /// How many records the answer lists at most; one where it is no list that may be long.
    static func pageLength(_ input: Input) -> Int
}

extension Rule {
    static func pageLength(_ input: Input) -> Int { 1 }
    static func lessensEvents(_ input: Input) -> Bool { false }
}
