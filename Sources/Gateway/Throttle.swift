import Contract
public import ControlPlane
import Identity
import Locking
import Planes
import Synchronization

/// Request rates: a bucket that fills at the rate and holds one second of it, for each account, region and operation, and for each resource where
/// the rate counts those. The documented rates of an account are shared out: with three instances behind a load balancer that spreads requests
/// evenly each admits a third, so that they hold for the deployment. Rates of a resource and protective rates are those of one instance.
///
/// Threads: any task may use it at any time. Memory is bounded: buckets that are full again are forgotten.
public final class Throttle: Sendable {
    /// What rates there are.
    public struct Rates: Sendable {
        /// `aws` holds each account to the documented rates, `relaxed` to none.
        public var profile: LimitProfile
        /// Requests a second that an account may make in all, to protect the deployment; nil for no such limit.
        public var protective: Int?

        public init(profile: LimitProfile, protective: Int?) {
            self.profile = profile
            self.protective = protective
        }
    }

    private struct Key: Hashable {
        let account: String
        let region: String
        let operation: OperationID?
        let resource: String?
    }

    private struct Bucket {
        var tokens: Double
        var filledAt: Double

        mutating func take(_ time: Double, rate: Double) -> Bool {
            // Calls that are admitted at once may come in another order than they asked the clock.
            let now = max(time, filledAt)
            // A share of less than one call a second still holds one call.
            tokens = min(max(rate, 1), tokens + (now - filledAt) * rate)
            filledAt = now
            guard tokens >= 1 else { return false }
            tokens -= 1
            return true
        }
    }

    private struct State {
        var buckets: [Key: Bucket] = [:]
        var sweepAt = 0.0
    }

    private let rates: Rates
    private let limits: LimitEvents
    private let state = Lock(State())
    private let instances = Atomic(1)

    /// A throttle whose buckets are all full. `limits` learns which rates refuse calls.
    public init(_ rates: Rates, limits: LimitEvents = LimitEvents()) {
        self.rates = rates
        self.limits = limits
    }

    /// Shares the documented rates of an account out to so many instances, this one among them.
    public func share(among count: Int) {
        instances.store(max(count, 1), ordering: .relaxed)
    }

    /// Takes one call out of every bucket that it counts in, or throws ThrottlingException or ClientLimitExceededException. `now` is in seconds of
    /// any clock that does not step.
    func admit(_ operation: OperationID?, _ caller: Caller, resourceName: String?, now: Double) throws(OperationError) {
        if let protective = rates.protective {
            let key = Key(account: caller.account, region: "", operation: nil, resource: nil)
            guard take(key, rate: Double(protective), now) else {
                limits.note(.protectiveRate, caller)
                throw OperationError(
                    .throttling, "The account makes more than \(protective) requests a second, the most that this deployment takes.")
            }
        }
        switch rates.profile {
        case .relaxed: return
        case .aws:
            guard let operation else { return }
            let documented = operation.contract.rate
            if let rate = documented.perAccount {
                let account = Key(account: caller.account, region: caller.region, operation: operation, resource: nil)
                let share = Double(rate) / Double(instances.load(ordering: .relaxed))
                guard take(account, rate: share, now) else {
                    limits.note(.rate(operation: operation.rawValue), caller)
                    throw OperationError(.clientLimitExceeded, "Limit exceeded on number of requests for \(operation.rawValue) API")
                }
            }
            guard let rate = documented.perResource, let resourceName else { return }
            let resource = Key(account: caller.account, region: caller.region, operation: operation, resource: resourceName)
            guard take(resource, rate: Double(rate), now) else {
                limits.note(.resourceRate(operation: operation.rawValue), caller)
                throw OperationError(
                    .clientLimitExceeded,
                    "Limit exceeded on number of requests for \(operation.rawValue) API for resource '\(resourceName)'")
            }
        }
    }

    /// Takes one request out of the bucket of a playback session: documented rates count for each session.
    func admit(_ bearer: Bearer, to name: String, _ caller: Caller, now: Double) throws(OperationError) {
        guard case .aws = rates.profile else { return }
        let key = Key(account: bearer.account, region: bearer.region, operation: nil, resource: "\(name) \(bearer.session)")
        guard take(key, rate: Double(bearer.rate), now) else {
            throw OperationError(.clientLimitExceeded, "Limit exceeded on number of requests for \(name) API in this session")
        }
    }

    /// Takes one request out of the bucket of a device, whatever the profile; it is known by `certificate`, and has `rate` requests a second.
    func admit(device certificate: String, rate: Int, now: Double) throws(OperationError) {
        guard take(Key(account: "", region: "", operation: nil, resource: certificate), rate: Double(rate), now) else {
            throw OperationError(.throttling, "The device asks more than \(rate) times a second.")
        }
    }

    private func take(_ key: Key, rate: Double, _ now: Double) -> Bool {
        state.withLock { state in
            if now >= state.sweepAt {
                // A bucket fills in ten seconds at most. One that was not used for so long is full, as a new one is, and so can go.
                state.buckets = state.buckets.filter { now - $0.value.filledAt < 10 }
                state.sweepAt = now + 1
            }
            return state.buckets[key, default: Bucket(tokens: max(rate, 1), filledAt: now)].take(now, rate: rate)
        }
    }
}
