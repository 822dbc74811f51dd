public import SQL

/// A chain of records: those of one process, from its start to its end.
public struct AuditChainRecord: Sendable, Hashable {
    /// Counts the chains of the deployment, without a gap.
    public var number: Int64
    public var id: String
    /// HOST:PATH of the file that has the records; empty where none has.
    public var place: String
    /// Whether the table has the records.
    public var isInTable: Bool
    /// Milliseconds since the epoch.
    public var startedAt: Int64
    /// Whether there is none before it, or those were removed because of their age.
    public var isOldest: Bool
    /// The oldest record that is kept, and the code of the one before.
    public var firstSequence: Int64
    public var firstPrevious: String
    public var firstSeal: String
    /// The newest record that is written down here, which trails by at most a second where there is only a file.
    public var lastSequence: Int64
    public var lastCode: String
    public var lastSeal: String
    public var endedAt: Int64?

    public init(
        number: Int64, id: String, place: String, isInTable: Bool, startedAt: Int64 = 0, isOldest: Bool, firstSequence: Int64,
        firstPrevious: String, firstSeal: String = "", lastSequence: Int64, lastCode: String, lastSeal: String = "",
        endedAt: Int64? = nil
    ) {
        self.number = number
        self.id = id
        self.place = place
        self.isInTable = isInTable
        self.startedAt = startedAt
        self.isOldest = isOldest
        self.firstSequence = firstSequence
        self.firstPrevious = firstPrevious
        self.firstSeal = firstSeal
        self.lastSequence = lastSequence
        self.lastCode = lastCode
        self.lastSeal = lastSeal
        self.endedAt = endedAt
    }
}

/// A record of a call, with what it can be searched by.
public struct AuditRecord: Sendable, Hashable {
    public let chain: String
    public let sequence: Int64
    /// Milliseconds since the epoch.
    public let time: Int64
    public let account: String
    /// The ARN of whoever called; empty where nobody knows.
    public let principal: String
    public let eventName: String
    /// What the call was about; empty where it was about nothing.
    public let resource: String
    /// Empty for a call that was accepted.
    public let errorCode: String
    /// One line of JSON.
    public let line: String

    public init(
        chain: String, sequence: Int64, time: Int64, account: String, principal: String, eventName: String, resource: String,
        errorCode: String, line: String
    ) {
        self.chain = chain
        self.sequence = sequence
        self.time = time
        self.account = account
        self.principal = principal
        self.eventName = eventName
        self.resource = resource
        self.errorCode = errorCode
        self.line = line
    }
}

extension Store {
    /// The highest number that a chain of records has; 0 where there is none.
    public func newestAuditChain() async throws(DatabaseError) -> Int64 {
        try await database.read(AuditStatements.newestNumber, []).first ?? 0
    }

    /// Adds a chain of records. Returns whether its number was free.
    public func beginAudit(_ chain: AuditChainRecord) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let begun = batch.add(
            AuditStatements.begin,
            [
                .integer(chain.number), .text(chain.id), .text(chain.place), .integer(chain.isInTable ? 1 : 0),
                .integer(chain.isOldest ? 1 : 0), .integer(chain.firstSequence), .text(chain.firstPrevious), .text(chain.firstSeal),
                .integer(chain.lastSequence), .text(chain.lastCode), .text(chain.lastSeal),
            ])
        return try await !write(batch).rows(begun).isEmpty
    }

    /// Adds records, each of which may be there already, and writes down the newest record of their chain, all in one commit.
    public func addAudit(
        _ records: [AuditRecord], chain: String, lastSequence: Int64, lastCode: String, lastSeal: String, isEnd: Bool = false
    ) async throws(DatabaseError) {
        var batch = Batch()
        for record in records {
            batch.add(
                AuditStatements.insert,
                [
                    .text(record.chain), .integer(record.sequence), .integer(record.time), .text(record.account), .text(record.principal),
                    .text(record.eventName), .text(record.resource), .text(record.errorCode), .text(record.line),
                ])
        }
        batch.add(AuditStatements.advance, [.text(chain), .integer(lastSequence), .text(lastCode), .text(lastSeal)])
        if isEnd { batch.add(AuditStatements.end, [.text(chain)]) }
        _ = try await write(batch)
    }

    /// Every chain of records, the oldest first.
    public func auditChains() async throws(DatabaseError) -> [AuditChainRecord] {
        try await database.read(AuditStatements.chains, [])
    }

    /// The next records after a place, in the order of chains.
    public func auditRecords(
        after place: (chain: String, sequence: Int64), limit: Int64
    ) async throws(DatabaseError) -> [AuditRecord] {
        try await database.read(AuditStatements.page, [.text(place.chain), .integer(place.sequence), .integer(limit)])
    }

    /// The next records after a place, in the order of time, up to a time in milliseconds since the epoch.
    public func auditRecords(
        after place: (time: Int64, chain: String, sequence: Int64), upTo end: Int64, limit: Int64
    ) async throws(DatabaseError) -> [AuditRecord] {
        try await database.read(
            AuditStatements.pageByTime,
            [.integer(place.time), .text(place.chain), .integer(place.sequence), .integer(end), .integer(limit)])
    }

    /// The newest record of a chain in the table that is older than `age` milliseconds.
    public func newestAuditRecord(ofChain chain: String, olderThan age: Int64) async throws(DatabaseError) -> AuditRecord? {
        try await database.read(AuditStatements.newestOld, [.text(chain), .integer(age)]).first
    }

    /// Writes down from where on the records of a chain are kept. Returns false where somebody else did since `seal` was read.
    public func retireAudit(_ chain: AuditChainRecord, replacing seal: String) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let retired = batch.add(
            AuditStatements.retire,
            [
                .text(chain.id), .integer(chain.isOldest ? 1 : 0), .integer(chain.firstSequence), .text(chain.firstPrevious),
                .text(chain.firstSeal), .text(seal),
            ])
        return try await !write(batch).rows(retired).isEmpty
    }

    /// Forgets a chain, and makes `next`, whose seal was `seal`, the oldest one, in one commit.
    public func removeAuditChain(_ id: String, next: AuditChainRecord, replacing seal: String) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(AuditStatements.removeChain, [.text(id), .text(next.id), .text(seal)])
        batch.add(
            AuditStatements.retire,
            [
                .text(next.id), .integer(next.isOldest ? 1 : 0), .integer(next.firstSequence), .text(next.firstPrevious),
                .text(next.firstSeal), .text(seal),
            ])
        _ = try await write(batch)
    }

    /// Removes at most `limit` records of a chain that come before a sequence; returns how many.
    public func removeAuditRecords(
        ofChain chain: String, before sequence: Int64, limit: Int64
    ) async throws(DatabaseError) -> Int {
        var batch = Batch()
        let removed = batch.add(AuditStatements.removeRecords, [.text(chain), .integer(sequence), .integer(limit)])
        return try await write(batch).rows(removed).count
    }
}
