public import Store

/// Reads an audit log from one of its places.
public enum AuditReading {
    private static let page: Int64 = 500

    /// Checks every file of a log, the oldest first.
    public static func verify(file path: String, _ verifier: AuditVerifier) throws -> AuditVerifier.Finding {
        var verifier = verifier
        for file in AuditFile.all(path) {
            try AuditFile.forEachLine(of: file) { line in if !line.isEmpty { verifier.take(line: line) } }
        }
        return verifier.finish()
    }

    /// Checks every record of the table.
    public static func verify(table store: Store, _ verifier: AuditVerifier) async throws -> AuditVerifier.Finding {
        var verifier = verifier
        var place = (chain: "", sequence: Int64(0))
        while true {
            let records = try await store.auditRecords(after: place, limit: page)
            guard let last = records.last else { return verifier.finish() }
            for record in records { verifier.take(record) }
            place = (last.chain, last.sequence)
        }
    }

    /// Calls `body` with each record of the files of a log, the oldest file first. What is no record is passed over.
    public static func forEachRecord(file path: String, _ body: (AuditRecord) throws -> Void) throws {
        for file in AuditFile.all(path) {
            try AuditFile.forEachLine(of: file) { line in
                if let record = AuditRecord(line: line) { try body(record) }
            }
        }
    }

    /// Calls `body` with each record of the table in the order of time, between two times in milliseconds since the epoch.
    public static func forEachRecord(
        table store: Store, since first: Int64, until end: Int64, _ body: (AuditRecord) throws -> Void
    ) async throws {
        var place = (time: first - 1, chain: "", sequence: Int64(0))
        while true {
            let records = try await store.auditRecords(after: place, upTo: end, limit: page)
            guard let last = records.last else { return }
            for record in records { try body(record) }
            place = (last.time, last.chain, last.sequence)
        }
    }
}
