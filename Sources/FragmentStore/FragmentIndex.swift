import Logging
import SQL
import Store

/// Writes the index of fragments whose bytes are stored.
struct FragmentIndex: Sendable {
    private let store: Store
    private let quota: QuotaGauge
    private let eventsWait: @Sendable () -> Void
    private let logger: Logger

    /// How long a round may wait for the database before its fragments are given up.
    static let patience = Duration.seconds(15)

    /// `eventsWait` is called where something was committed beside fragments.
    init(_ store: Store, _ quota: QuotaGauge, _ eventsWait: @escaping @Sendable () -> Void, _ logger: Logger) {
        self.store = store
        self.quota = quota
        self.eventsWait = eventsWait
        self.logger = logger
    }

    /// Makes fragments known to readers, and how far their packs reach; for each what became of it.
    func add(_ fragments: [IndexedFragment], _ packs: [PackProgress]) async -> [Result<FragmentRecord, IngestFailure>] {
        let began = ContinuousClock.now
        var pause = Duration.milliseconds(20)
        while true {
            do throws(DatabaseError) {
                return try await commit(fragments, packs)
            } catch {
                switch error.kind {
                case .constraint:
                    // A stream was forgotten in the very moment: it alone is to fail.
                    if fragments.count > 1 {
                        var results: [Result<FragmentRecord, IngestFailure>] = []
                        for fragment in fragments { results += await add([fragment], packs) }
                        return results
                    }
                    return [.failure(.streamGone)]
                case .outcomeUnknown, .unavailable, .overloaded, .conflict:
                    guard ContinuousClock.now - began < Self.patience, (try? await Task.sleep(for: pause)) != nil else { break }
                    pause = min(pause * 2, .seconds(1))
                    continue
                case .mistake: break
                }
                logger.error("fragments could not be indexed", metadata: ["error": "\(error)", "fragments": "\(fragments.count)"])
                return fragments.map { _ in .failure(.internal("\(error)")) }
            }
        }
    }

    private func commit(
        _ fragments: [IndexedFragment], _ packs: [PackProgress]
    ) async throws(DatabaseError) -> [Result<FragmentRecord, IngestFailure>] {
        let rows = fragments.map { fragment in
            guard case .archive(let id) = fragment.record.place.pack else { preconditionFailure("a fragment of the ring is not indexed") }
            return (row: fragment.record.row(packID: id), epoch: fragment.epoch)
        }
        let admissions = try await store.indexFragments(rows, packs) { batch in
            for fragment in fragments { fragment.beside?(fragment.record, &batch) }
        }
        if fragments.contains(where: { $0.beside != nil }) { eventsWait() }
        return zip(fragments, admissions).map { fragment, admission in
            switch admission {
            case .stored:
                quota.add(fragment.record.size, to: fragment.account)
                return .success(fragment.record)
            case .fenced: return .failure(.fenced)
            case .streamGone: return .failure(.streamGone)
            }
        }
    }
}
