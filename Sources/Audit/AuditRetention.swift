import Glibc
public import Logging
import SQL
public import ServiceLifecycle
public import Store

/// Removes records that are older than they are to be kept, from the table in bounded batches and from the disk by whole files, and writes down under a
/// seal from where on each chain is kept.
///
/// Any number of instances may do so at once.
public struct AuditRetention: Service {
    private let settings: AuditSettings
    private let key: AuditKey
    private let store: Store
    private let logger: Logger
    private static let batch: Int64 = 1000

    public init(_ settings: AuditSettings, key: AuditKey, store: Store, logger: Logger) {
        self.settings = settings
        self.key = key
        self.store = store
        self.logger = logger
    }

    /// Cleans up about every ten minutes, until the process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                do {
                    try await cleanUp()
                } catch {
                    logger.warning("old records of the audit log stay", metadata: ["error": "\(error)"])
                }
            } while (try? await Task.sleep(for: .seconds(Int.random(in: 500...700)))) != nil
        }
    }

    /// Removes everything that is too old now.
    func cleanUp() async throws {
        let now = try await store.now()
        try await removeFiles(olderThan: now - settings.retention)
        for chain in try await store.auditChains() where chain.isInTable {
            if let last = try await store.newestAuditRecord(ofChain: chain.id, olderThan: settings.retention),
                let code = AuditLink(last.line[...])?.code
            {
                _ = try await retire(chain, after: last.sequence, code: code)
            }
            // What another instance has written down as gone is removed too.
            guard let kept = try await store.auditChains().first(where: { $0.id == chain.id })?.firstSequence, kept > 1 else { continue }
            while try await store.removeAuditRecords(ofChain: chain.id, before: kept, limit: Self.batch) == Int(Self.batch) {}
        }
        try await removeChains(olderThan: now - settings.retention)
    }

    /// Removes the chains, from the oldest on, of which nothing is kept and nothing will come. The newest one stays. Of a file of another host nobody
    /// knows here what is in it: its chains stay as long again.
    private func removeChains(olderThan time: Int64) async throws {
        var held = Set(try await store.instances().filter(\.isAlive).map(\.id))
        for file in settings.file.map(AuditFile.all) ?? [] {
            try AuditFile.forEachLine(of: file) { line in if let link = AuditLink(line) { held.insert(link.chain) } }
        }
        while true {
            let chains = try await store.auditChains()
            guard let chain = chains.first, var oldest = chains.dropFirst().first, chain.isOldest,
                chain.firstSequence > chain.lastSequence, !held.contains(chain.id),
                chain.startedAt < (["", settings.place].contains(chain.place) ? time : time - settings.retention)
            else { return }
            let seal = oldest.firstSeal
            oldest.isOldest = true
            oldest.firstSeal = key.firstSeal(oldest)
            try await store.removeAuditChain(chain.id, next: oldest, replacing: seal)
        }
    }

    /// Writes down that a chain is kept from the record after `sequence` on, unless it is so already.
    private func retire(_ chain: AuditChainRecord, after sequence: Int64, code: String) async throws -> Bool {
        guard sequence >= chain.firstSequence, key.firstSeal(chain) == chain.firstSeal else { return sequence < chain.firstSequence }
        var kept = chain
        kept.firstSequence = sequence + 1
        kept.firstPrevious = code
        kept.firstSeal = key.firstSeal(kept)
        return try await store.retireAudit(kept, replacing: chain.firstSeal)
    }

    /// Removes files that are full whose newest record is too old.
    private func removeFiles(olderThan time: Int64) async throws {
        guard let path = settings.file else { return }
        for file in AuditFile.all(path) where file != path {
            var newest: Int64 = 0
            var ends: [String: (sequence: Int64, code: String)] = [:]
            try AuditFile.forEachLine(of: file) { line in
                guard let link = AuditLink(line) else { return }
                ends[link.chain] = (link.sequence, link.code)
                newest = max(newest, AuditEntry.time(ofLine: line) ?? .max)
            }
            guard newest < time else { break }
            let chains = try await store.auditChains()
            var isTold = true
            for (id, end) in ends {
                guard let chain = chains.first(where: { $0.id == id }) else { continue }
                if try await !retire(chain, after: end.sequence, code: end.code) { isTold = false }
            }
            guard isTold else { break }
            unlink(file)
            logger.notice("a file of the audit log was removed because of its age", metadata: ["file": "\(file)"])
        }
    }
}
