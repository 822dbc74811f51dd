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
    /// Whether the instance is asked to stop: who waits for something to happen gives up then.
    let isStopping: @Sendable () -> Bool
    let outbox: Outbox
    let limits: LimitEvents

    /// The rules on top of a store. `masterKey` authenticates page tokens: instances that share clients share it.
    public init(
        store: Store, rules: ServiceRules, masterKey: MasterKey, isStopping: @escaping @Sendable () -> Bool = { false },
        outbox: Outbox = Outbox(limit: .max), limits: LimitEvents = LimitEvents(), workIsWaiting: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.rules = rules
        pageTokens = PageTokens(masterKey)
        self.workIsWaiting = workIsWaiting
        self.isStopping = isStopping
        self.outbox = outbox
        self.limits = limits
    }

    /// Decodes and checks a request body and finds out what it is about, without touching the store. Throws ValidationException,
    /// SerializationException, InvalidArgumentException, InvalidResourceFormatException or AccessDeniedException.
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
        let call = Call(plane: self, caller: caller, contract: Operation.contract)
        try call.requireReach()
        let subject = try Operation.subject(of: input, call)
        return PreparedCall(resourceName: subject.resourceName) { () async throws(OperationError) -> [UInt8] in
            switch call.contract.effect {
            case .reads: return Operation.encode(try await Operation.answer(input, subject, call))
            case .changes:
                try outbox.admitChange()
                let output = try await Operation.answer(input, subject, call)
                outbox.changed()
                return Operation.encode(output)
            }
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
    public let reach: Reach
    public let requestID: String
    /// Present where the client can make the same call again.
    public let retry: Change.Retry?
    /// Scheme and host at which the client reached this deployment, such as `https://kvs.example.com:8443`; nil where it named none.
    public let origin: String?

    /// What a caller may do.
    public enum Reach: Sendable, Hashable {
        /// Every operation of the control plane in the account.
        case account
        /// What the agent of one thing needs, by the thing's ARN.
        case thing(String)
        /// Whatever there is, in the account: nobody is asked who they are.
        case anything
    }

    public init(
        account: String, region: String, keyID: String, reach: Reach = .account, requestID: String, retry: Change.Retry?, origin: String?
    ) {
        self.account = account
        self.region = region
        self.keyID = keyID
        self.reach = reach
        self.requestID = requestID
        self.retry = retry
        self.origin = origin
    }
}

/// What the rule of an operation works with.
struct Call: Sendable {
    let plane: ControlPlane
    let caller: Caller
    let contract: OperationContract

    /// Refuses an operation of an API that the caller has no part in, or that is not offered in the region. Which thing an agent speaks for is the
    /// matter of each operation.
    fileprivate func requireReach() throws(OperationError) {
        switch (contract.api, caller.reach) {
        case (_, .anything), (.controlPlane, .account), (.edgeAgent, .thing): break
        case (.controlPlane, .thing), (.edgeAgent, .account): throw .denied(caller, contract, resource: "*")
        }
        guard contract.isOffered(in: caller.region) else {
            throw OperationError(.accessDenied, "\(contract.name) is not available in the region \(caller.region).")
        }
    }

    /// This call as a change of the store, under a fresh token. Where the same call may be made twice and find its work done, it is not
    /// `repeatable` by its answer.
    func change(repeatable: Bool = true) -> Change {
        Change(
            token: Token.random(), operation: contract.name, keyID: caller.keyID, requestID: caller.requestID,
            retry: repeatable ? caller.retry : nil)
    }
}

/// The rule of an operation: one file for each, named like the operation's file in Contract.
protocol Rule: Operation {
    associatedtype Subject: CallSubject

    /// What the call is about. Refuses what the input alone shows to be wrong or not allowed.
    static func subject(of input: Input, _ call: Call) throws(OperationError) -> Subject

    /// Does what the operation is for: at most one read and one batch unless it is refused.
    static func answer(_ input: Input, _ subject: Subject, _ call: Call) async throws(OperationError) -> Output
}
