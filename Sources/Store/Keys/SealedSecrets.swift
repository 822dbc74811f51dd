public import SQL

/// What is in the database encrypted under the master key, but for the facts of the deployment.
public enum SealedKind: CaseIterable, Sendable {
    case accessKey
    case webhookSecret
    case webhookHeaders
    case deviceAuthority

    var statements: SealedStatements {
        switch self {
        case .accessKey: .accessKey
        case .webhookSecret: .webhookSecret
        case .webhookHeaders: .webhookHeaders
        case .deviceAuthority: .deviceAuthority
        }
    }
}

/// A secret as it is stored.
public struct SealedSecret: Sendable, Hashable {
    /// What it belongs to, and is bound to.
    public let owner: String
    /// Tells several of an owner apart; 0 where there is one.
    public let createdAt: Int64
    public let sealed: String

    public init(owner: String, createdAt: Int64, sealed: String) {
        self.owner = owner
        self.createdAt = createdAt
        self.sealed = sealed
    }
}

/// Statements on the sealed secrets of one kind.
struct SealedStatements: Sendable {
    /// The next $3 after the owner $1 and the time $2.
    let page: Statement<SealedSecret>
    /// Puts $4 in the place of $3, if that is still there.
    let reseal: Statement<String>

    private init(_ name: String, table: String, owner: String, createdAt: String?, sealed: String) {
        let place = createdAt.map { "(\(owner), \($0)) > ($1, CAST($2 AS BIGINT))" } ?? "\(owner) > $1 AND CAST($2 AS BIGINT) = 0"
        page = Statement(
            "sealed.page-\(name)",
            """
            SELECT \(owner), \(createdAt ?? "CAST(0 AS BIGINT)"), \(sealed) FROM \(table) WHERE \(place) AND \(sealed) IS NOT NULL
            ORDER BY \(owner)\(createdAt.map { ", " + $0 } ?? "") LIMIT CAST($3 AS BIGINT)
            """
        ) { row throws(DatabaseError) in
            SealedSecret(owner: try row.text(), createdAt: try row.integer(), sealed: try row.text())
        }
        let one = "\(owner) = $1 AND " + (createdAt.map { "\($0) = CAST($2 AS BIGINT)" } ?? "CAST($2 AS BIGINT) = 0")
        reseal = Statement(
            "sealed.replace-\(name)", "UPDATE \(table) SET \(sealed) = $4 WHERE \(one) AND \(sealed) = $3 RETURNING \(owner)"
        ) { row throws(DatabaseError) in try row.text() }
    }

    static let accessKey = SealedStatements("access-key", table: "access_key", owner: "id", createdAt: nil, sealed: "secret_sealed")
    static let webhookSecret = SealedStatements(
        "webhook-secret", table: "webhook_secret", owner: "owner", createdAt: "created_at", sealed: "secret_sealed")
    static let webhookHeaders = SealedStatements(
        "webhook-headers", table: "destination", owner: "id", createdAt: nil, sealed: "headers_sealed")
    static let deviceAuthority = SealedStatements(
        "device-authority", table: "device_authority", owner: "id", createdAt: nil, sealed: "key_sealed")

    static let resealFact = Statement(
        "deployment.replace", "UPDATE deployment SET value = $3 WHERE name = $1 AND value = $2 RETURNING name"
    ) { row throws(DatabaseError) in try row.text() }

    static let all: [StatementText] =
        SealedKind.allCases.flatMap { [$0.statements.page.text, $0.statements.reseal.text] } + [resealFact.text]
}

extension Store {
    /// The next sealed secrets of a kind after one.
    public func sealedSecrets(
        _ kind: SealedKind, after last: SealedSecret, limit: Int64
    ) async throws(DatabaseError) -> [SealedSecret] {
        try await database.read(kind.statements.page, [.text(last.owner), .integer(last.createdAt), .integer(limit)])
    }

    /// Writes secrets sealed anew, each if it still is as it was read. Returns how many were.
    public func reseal(_ kind: SealedKind, _ changes: [(secret: SealedSecret, sealed: String)]) async throws(DatabaseError) -> Int {
        var batch = Batch()
        let written = changes.map { change in
            batch.add(
                kind.statements.reseal,
                [.text(change.secret.owner), .integer(change.secret.createdAt), .text(change.secret.sealed), .text(change.sealed)])
        }
        let result = try await write(batch)
        var count = 0
        for reference in written { count += try result.rows(reference).count }
        return count
    }

    /// Puts another value in the place of a fact's, if it still is as it was read. Returns whether it was.
    public func resealFact(_ name: String, from old: String, to new: String) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let written = batch.add(SealedStatements.resealFact, [.text(name), .text(old), .text(new)])
        return try await !write(batch).rows(written).isEmpty
    }
}
