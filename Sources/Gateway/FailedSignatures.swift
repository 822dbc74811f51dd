import IPAddresses
import Locking

/// Signatures that failed, by the address that they came from: more than a tenth of the limit at once are answered late, and more than the limit are refused
/// without a look at their keys. A hundredth of the limit is forgiven each second.
///
/// Whoever signs correctly is served all the same, also from an address that others abuse: only keys that are not known as good are not looked up.
///
/// Threads: any task may use it at any time. Memory is bounded by `capacity` addresses; of IPv6 the first half of an address counts.
final class FailedSignatures: Sendable {
    /// What becomes of the next failure.
    enum Verdict: Equatable {
        case told
        case delayed
        case refused
    }

    private struct Entry {
        var failures: Double
        var at: Double
    }

    static let capacity = 10_000

    /// Failures that an address may have at once.
    let limit: Double
    private let entries = Lock<[String: Entry]>([:])

    init(limit: Int) { self.limit = Double(limit) }

    /// How an address stands. `now` is in seconds of any clock that does not step.
    func verdict(on address: String, now: Double) -> Verdict {
        // Nearly always nobody has failed, and every request asks: only then is its address read.
        let count = entries.withLock { entries in
            entries.isEmpty ? 0 : entries[Self.network(address)].map { failures(of: $0, now) } ?? 0
        }
        return count >= limit ? .refused : count >= limit / 10 ? .delayed : .told
    }

    /// Counts a failure.
    func count(_ address: String, now: Double) {
        entries.withLock { entries in
            if entries.count >= Self.capacity {
                entries = entries.filter { failures(of: $0.value, now) > 0 }
                // As many addresses as that at once are an attack: those with few failures are forgotten.
                if entries.count >= Self.capacity { entries = entries.filter { failures(of: $0.value, now) > limit / 10 } }
                if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
            }
            let network = Self.network(address)
            let before = entries[network].map { failures(of: $0, now) } ?? 0
            entries[network] = Entry(failures: min(before + 1, 2 * limit), at: now)
        }
    }

    /// How many addresses are known, for tests.
    var addresses: Int { entries.withLock { $0.count } }

    private func failures(of entry: Entry, _ now: Double) -> Double { max(0, entry.failures - max(0, now - entry.at) * limit / 100) }

    /// Whoever has an IPv6 address has its whole network of 64 bits.
    private static func network(_ address: String) -> String {
        guard let parsed = IPAddress(address), !parsed.isIPv4, parsed.mappedIPv4 == nil else { return address }
        return IPAddress(bytes: Array(parsed.bytes[..<8]) + Array(repeating: 0, count: 8)).description
    }
}
