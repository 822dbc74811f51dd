import Contract
import Store

/// How an attempt at a change ended that was not refused for good.
enum Attempt<Value: Sendable>: Sendable {
    case done(Value)
    /// The guard refused a state that a second look finds to be right: another caller came between.
    case overtaken
    /// The resource has a status in which this cannot be done.
    case hindered(ResourceKey, status: ResourceStatus)
}

extension Call {
    /// Makes a change, again where others were quicker, and later where a passing status is in the way: a client that makes one call after the
    /// other is not to be refused because what the call before has begun takes a moment. `what` is changed, for messages.
    func attempt<Value>(
        _ what: String, _ make: () async throws(OperationError) -> Attempt<Value>
    ) async throws(OperationError) -> Value {
        let end = ContinuousClock.now + plane.patience
        var tries = 0
        while true {
            switch try await make() {
            case .done(let value): return value
            case .overtaken:
                tries += 1
                guard tries < 3 else { throw OperationError(.resourceInUse, "\(what) is being changed by others: try again.") }
            case .hindered(let key, let status):
                guard plane.rules.minimumDurations.passesAtOnce(status), try await settles(key, by: end) else {
                    throw .notActive(key, status: status)
                }
            }
        }
    }

    /// Waits until a resource has no passing status any more; false where it still has one in the end, or the instance is asked to stop.
    private func settles(_ key: ResourceKey, by end: ContinuousClock.Instant) async throws(OperationError) -> Bool {
        var pause = Duration.milliseconds(2)
        while ContinuousClock.now < end, !plane.isStopping() {
            // A caller that has left is not waited for.
            do { try await Task.sleep(for: pause) } catch { return false }
            pause = min(pause * 2, .milliseconds(50))
            let found = try await plane.ask { store throws(Store.Failure) in try await store.state(key) }
            switch found?.status {
            case .creating, .updating: continue
            case .active, .deleting, nil: return true
            }
        }
        return false
    }
}

extension MinimumDurations {
    /// Whether a status ends by itself, and no operator wants it to last.
    fileprivate func passesAtOnce(_ status: ResourceStatus) -> Bool {
        switch status {
        case .creating: creating == 0
        case .updating: updating == 0
        case .active, .deleting: false
        }
    }
}
