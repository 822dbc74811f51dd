import Locking

/// How many connections clients have, in all and from each address, and how many they may have.
///
/// The last few places are kept for the pages of operators, so that a server which is full still says that it lives.
///
/// Threads: any task may use it at any time.
public final class ConnectionLimits: Sendable {
    private struct State {
        var open = 0
        var byAddress: [String: Int] = [:]
        var refused = 0
        /// Called once when there is room again.
        var awaitingRoom: (@Sendable () -> Void)?
    }

    /// All connections there may be.
    public let all: Int
    /// Those that one address may have; proxies may have all.
    public let perAddress: Int
    /// How many of all are for operators only.
    static let reserved = 16

    private let isProxy: @Sendable (_ address: String) -> Bool
    private let state = Lock(State())

    /// - Parameters:
    ///   - all: More than are reserved for operators.
    ///   - isProxy: Whether an address is that of a proxy, behind which there are many clients.
    public init(all: Int = 10_000, perAddress: Int? = nil, isProxy: @escaping @Sendable (_ address: String) -> Bool = { _ in false }) {
        self.all = max(all, Self.reserved + 1)
        self.perAddress = perAddress ?? max(all / 2, 1)
        self.isProxy = isProxy
    }

    /// Connections that are open.
    public var open: Int { state.withLock { $0.open } }

    /// Whether a connection from this address leads on to others.
    func isTrustedProxy(_ address: String) -> Bool { isProxy(address) }

    /// Whether the places for anybody but operators are taken.
    var isFullForCalls: Bool { state.withLock { $0.open > all - Self.reserved } }

    /// Takes a place for a connection from an address, if there is one.
    func enter(_ address: String) -> Bool {
        let isProxy = isProxy(address)
        return state.withLock { state in
            guard state.open < all, isProxy || state.byAddress[address, default: 0] < perAddress else {
                state.refused += 1
                return false
            }
            state.open += 1
            if !isProxy { state.byAddress[address, default: 0] += 1 }
            return true
        }
    }

    /// Gives back the place of a connection that is over.
    func leave(_ address: String) {
        let isProxy = isProxy(address)
        let resume = state.withLock { state in
            state.open -= 1
            if !isProxy {
                let left = state.byAddress[address, default: 1] - 1
                state.byAddress[address] = left > 0 ? left : nil
            }
            defer { state.awaitingRoom = nil }
            return state.awaitingRoom
        }
        resume?()
    }

    /// Whether a connection more may be accepted. Where it may not, `resume` is called once there is room.
    func hasRoom(orElse resume: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard state.open >= all else { return true }
            state.awaitingRoom = resume
            return false
        }
    }

    /// How many connections were refused since this was last asked.
    func takeRefused() -> Int {
        state.withLock { state in
            defer { state.refused = 0 }
            return state.refused
        }
    }
}
