import IPAddresses
import Locking

/// Remembers for a while what names resolve to: however many posts go to a name at once, the resolver is asked once.
///
/// Threads: any task may use it at any time. Memory is bounded: what is too old is forgotten.
final class AddressCache: Sendable {
    private typealias Answer = Result<[IPAddress], DeliveryFault>

    private enum State {
        /// One task asks; the others wait for it.
        case asked([CheckedContinuation<Answer?, Never>])
        case known(Answer, until: ContinuousClock.Instant)
    }

    private struct Entry {
        var state: State
        /// Addresses at which an attempt failed, the longest ago first: they are tried after all others, in this order.
        var failed: [IPAddress] = []

        func isOutdated(at now: ContinuousClock.Instant) -> Bool {
            guard case .known(_, let until) = state else { return false }
            return until <= now
        }
    }

    private let resolver: any Resolver
    private let entries = Lock<[String: Entry]>([:])

    /// How long an answer is used, and how long a failure.
    private static let lifetime = Duration.seconds(30)
    private static let lifetimeOfFailures = Duration.seconds(1)
    private static let mostEntries = 10_000

    init(_ resolver: any Resolver) {
        self.resolver = resolver
    }

    /// Returns the addresses of a host in the order in which they are to be tried.
    func addresses(of host: String, within limit: Duration) async throws(DeliveryFault) -> [IPAddress] {
        let known = await answer(host)
        let found = if let known { try known.get() } else { try await ask(host, limit).get() }
        let failed = entries.withLock { $0[host]?.failed } ?? []
        return found.filter { !failed.contains($0) } + failed.filter { found.contains($0) }
    }

    /// Returns what is known, perhaps after another task has asked for it; nil where the caller has to ask.
    private func answer(_ host: String) async -> Answer? {
        await withCheckedContinuation { continuation in
            let now = ContinuousClock.now
            enum Next {
                case wait
                case resume(Answer?)
            }
            let next: Next = entries.withLock { entries in
                switch entries[host]?.state {
                case .asked(let waiting):
                    entries[host]?.state = .asked(waiting + [continuation])
                    return .wait
                case .known(let answer, let until) where until > now: return .resume(answer)
                case .known, nil:
                    if entries.count >= Self.mostEntries { entries = entries.filter { !$0.value.isOutdated(at: now) } }
                    entries[host] = Entry(state: .asked([]), failed: entries[host]?.failed ?? [])
                    return .resume(nil)
                }
            }
            if case .resume(let answer) = next { continuation.resume(returning: answer) }
        }
    }

    private func ask(_ host: String, _ limit: Duration) async -> Answer {
        let answer: Answer
        let lifetime: Duration
        do throws(DeliveryFault) {
            answer = .success(try await resolver.addresses(of: host, within: limit))
            lifetime = Self.lifetime
        } catch {
            answer = .failure(error)
            lifetime = Self.lifetimeOfFailures
        }
        let waiting = entries.withLock { entries -> [CheckedContinuation<Answer?, Never>] in
            guard case .asked(let waiting) = entries[host]?.state else { return [] }
            entries[host]?.state = .known(answer, until: .now + lifetime)
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: answer) }
        return answer
    }

    /// An attempt at an address failed: it is tried after the others from now on.
    func failed(_ host: String, _ address: IPAddress) {
        entries.withLock { entries in
            guard let entry = entries[host], case .known(.success(let found), _) = entry.state else { return }
            entries[host]?.failed = entry.failed.filter { $0 != address && found.contains($0) } + [address]
        }
    }
}
