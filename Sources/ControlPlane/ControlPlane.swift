import Contract
public import Identity
import Planes
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
    /// SerializationException; what it names is refused once its caller may make the call: nobody else is told.
    func prepare<Operation: Rule>(
        _ operation: Operation.Type, _ body: UnsafeRawBufferPointer, _ caller: Caller
    ) throws(OperationError) -> RequestedCall {
        let input = try Operation.decode(body)
        var call = Call(plane: self, caller: caller, contract: Operation.contract)
        let subject = Result { () throws(OperationError) in
            try call.requireOffered()
            return try Operation.subject(of: input, &call)
        }
        return RequestedCall(call.access) { [call] () throws(OperationError) in
            let subject = try subject.get()
            return RoutedCall(
                resourceName: subject.resourceName,
                answer: .bytes { () async throws(OperationError) in try await call.perform(operation, input, subject) },
                isLong: Operation.pageLength(input) > longestOnEventLoop)
        }
    }
}

/// What waits for others after a change.
public enum Waiting: Sendable {
    /// A task, for a worker.
    case task
    /// Events, for whoever delivers them.
    case events
}

/// A call runs on the event loop of its connection. More records than these take so many milliseconds to read and to write down that others on
/// the loop would wait for them: such a page is a long answer.
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

    /// Makes the call; returns the body of the answer.
    fileprivate func perform<Operation: Rule>(
        _ operation: Operation.Type, _ input: Operation.Input, _ subject: Operation.Subject
    ) async throws(OperationError) -> [UInt8] {
        switch contract.effect {
        case .reads: return Operation.encode(try await Operation.answer(input, subject, self))
        case .changes:
            if !Operation.lessensEvents(input) { try plane.outbox.admitChange(of: caller.account) }
            let output = try await Operation.answer(input, subject, self)
            plane.committed(.events)
            return Operation.encode(output)
        }
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
