import Locking

/// What names resolve to, remembered for a while: many are posted to at once, and a name is asked for once.
///
/// Threads: any task may use it at any time. Memory is bounded: what is too old is forgotten.
final class AddressBook: Sendable {
    private struct Entry {
        /// The one to be tried first stands first.
        var answer: Task<Result<[IPAddress], DeliveryFault>, Never>
        /// What was answered, as soon as it was.
        var addresses: [IPAddress] = []
        var rotation = 0
        var goodUntil: ContinuousClock.Instant
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

    /// The addresses of a host in the order in which they are to be tried.
    func addresses(of host: String, within limit: Duration) async throws(DeliveryFault) -> [IPAddress] {
        let now = ContinuousClock.now
        let entry = entries.withLock { entries in
            if let entry = entries[host], entry.goodUntil > now { return entry }
            if entries.count >= Self.mostEntries { entries = entries.filter { $0.value.goodUntil > now } }
            let entry = Entry(answer: ask(host, limit), rotation: entries[host]?.rotation ?? 0, goodUntil: now + Self.lifetime)
            entries[host] = entry
            return entry
        }
        switch await entry.answer.value {
        case .success(let addresses):
            let first = entries.withLock { entries in
                if entries[host]?.answer == entry.answer { entries[host]?.addresses = addresses }
                return entry.rotation % addresses.count
            }
            return Array(addresses[first...] + addresses[..<first])
        case .failure(let fault):
            entries.withLock { entries in
                if let known = entries[host], known.answer == entry.answer {
                    entries[host]?.goodUntil = min(known.goodUntil, now + Self.lifetimeOfFailures)
                }
            }
            throw fault
        }
    }

    private func ask(_ host: String, _ limit: Duration) -> Task<Result<[IPAddress], DeliveryFault>, Never> {
        Task { [resolver] in
            do throws(DeliveryFault) {
                return .success(try await resolver.addresses(of: host, within: limit))
            } catch {
                return .failure(error)
            }
        }
    }

    /// An address was not reached: another is tried first the next time, if there is one. Of many who say so at once, one has it changed.
    func failed(_ host: String, _ address: IPAddress) {
        entries.withLock { entries in
            guard let entry = entries[host], !entry.addresses.isEmpty, entry.addresses[entry.rotation % entry.addresses.count] == address
            else { return }
            entries[host]?.rotation += 1
        }
    }
}
