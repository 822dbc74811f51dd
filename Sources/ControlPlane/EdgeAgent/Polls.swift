import Locking

/// The calls that wait for something to happen: of each thing the newest alone, so that an agent that asks again and again, or comes back
/// before its last connection is known to be gone, costs what one poll costs.
///
/// Threads: any task may use it at any time.
final class Polls: Sendable {
    /// Whose configurations are waited for.
    struct Thing: Hashable {
        let account: String
        let region: String
        let hubDeviceARN: String
    }

    private struct State {
        var count: UInt64 = 0
        var waiting: [Thing: (number: UInt64, end: AsyncStream<Never>.Continuation)] = [:]
    }

    private let state = Lock(State())

    /// How many wait.
    var count: Int { state.withLock { $0.waiting.count } }

    /// Ends the older poll of the same thing, and returns what `wait` returns; nil where a newer poll ended this one before.
    func wait<Value: Sendable>(for thing: Thing, _ wait: @escaping @Sendable () async -> Value) async -> Value? {
        let (ended, end) = AsyncStream.makeStream(of: Never.self)
        let (number, older) = state.withLock { state in
            state.count += 1
            return (state.count, state.waiting.updateValue((state.count, end), forKey: thing)?.end)
        }
        older?.finish()
        defer {
            state.withLock { state in
                if state.waiting[thing]?.number == number { state.waiting[thing] = nil }
            }
        }
        return await withTaskGroup(of: Value?.self) { group in
            group.addTask { await wait() }
            group.addTask {
                for await _ in ended {}
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}
