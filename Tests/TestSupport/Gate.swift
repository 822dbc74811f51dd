internal import Locking

/// Holds whoever comes until it is opened, and tells how many it holds.
///
/// Threads: any task may call any method at any time.
public final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var arrived = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Lock(State())

    /// A closed gate.
    public init() {}

    /// How many have come so far, those let through included.
    public var arrived: Int { state.withLock { $0.arrived } }

    /// Returns once the gate is open. A caller that is cancelled opens it: its test has failed, and waits for it.
    public func pass() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mayPass = state.withLock { state in
                    state.arrived += 1
                    if !state.isOpen { state.waiting.append(continuation) }
                    return state.isOpen
                }
                if mayPass { continuation.resume() }
            }
        } onCancel: {
            open()
        }
    }

    /// Lets everybody through, for good.
    public func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
