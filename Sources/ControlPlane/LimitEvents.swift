import FoundationEssentials
public import Identity
import Locking
public import SQL
public import Store

/// A limit that calls can run into, by the name that its events carry.
public enum ReachedLimit: Sendable, Hashable {
    /// Streams of an account in a region.
    case streams
    /// Signaling channels of an account in a region.
    case channels
    /// Tags of a resource.
    case tags
    /// Calls of all operations in a second, to protect the deployment.
    case protectiveRate
    /// Calls of an operation in a second.
    case rate(operation: String)
    /// The same for one resource.
    case resourceRate(operation: String)

    public var name: String {
        switch self {
        case .streams: "streams"
        case .channels: "channels"
        case .tags: "tags"
        case .protectiveRate: "requests"
        case .rate(let operation): "requests-\(operation)"
        case .resourceRate(let operation): "requests-\(operation)-of-a-resource"
        }
    }
}

/// Tells of limits that refuse calls: one event for each account, region, limit and minute, however many calls are refused, and by however many
/// instances. Refusing stays as cheap as it is: what is told is told later, by `tell`.
///
/// Threads: any task may note at any time; one task tells.
public final class LimitEvents: Sendable {
    private struct Refusal: Sendable {
        let limit: ReachedLimit
        let account: String
        let region: String
        let keyID: String
        let requestID: String
    }

    private struct Key: Hashable {
        let limit: ReachedLimit
        let account: String
        let region: String
    }

    private struct State {
        var minute: Int64 = 0
        var noted: Set<Key> = []
    }

    private let state = Lock(State())
    private let refusals: AsyncStream<Refusal>
    private let continuation: AsyncStream<Refusal>.Continuation

    /// Nothing is noted yet.
    public init() {
        // Beyond so many in a moment some limits are told a minute later.
        (refusals, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1000))
    }

    /// A call was refused because of a limit.
    public func note(_ limit: ReachedLimit, _ caller: Caller) {
        let minute = Int64(Date().timeIntervalSince1970 / 60)
        let isNew = state.withLock { state in
            if state.minute != minute { state = State(minute: minute) }
            return state.noted.insert(Key(limit: limit, account: caller.account, region: caller.region)).inserted
        }
        guard isNew else { return }
        continuation.yield(
            Refusal(
                limit: limit, account: caller.account, region: caller.region, keyID: caller.keyID, requestID: caller.requestID))
    }

    /// Tells of what is noted, until its task is cancelled. `told` is called after each event, `failed` where one could not be told.
    public func tell(in store: Store, told: @Sendable () -> Void, failed: @Sendable (DatabaseError) -> Void) async {
        for await refusal in refusals {
            do throws(DatabaseError) {
                let now = try await store.now()
                let isNew = try await store.tell(
                    .limitReached, subjectARN: EventSubject.limit(refusal.limit.name, account: refusal.account, region: refusal.region),
                    account: refusal.account, region: refusal.region, status: "REACHED", keyID: refusal.keyID, requestID: refusal.requestID,
                    at: now - now % 60_000, token: Token.random())
                if isNew { told() }
            } catch {
                failed(error)
            }
        }
    }
}
