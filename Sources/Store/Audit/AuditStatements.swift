import SQL

/// Statements on the records of who changed what, and on the chains that they form.
enum AuditStatements {
    private static let chainColumns = """
        number, id, place, is_in_table, started_at, is_oldest, first_sequence, first_previous, first_seal, last_sequence, last_code, last_seal,
        ended_at
        """

    private static func chain(_ row: inout Row) throws(DatabaseError) -> AuditChainRecord {
        AuditChainRecord(
            number: try row.integer(), id: try row.text(), place: try row.text(), isInTable: try row.integer() == 1,
            startedAt: try row.integer(), isOldest: try row.integer() == 1, firstSequence: try row.integer(),
            firstPrevious: try row.text(), firstSeal: try row.text(), lastSequence: try row.integer(), lastCode: try row.text(),
            lastSeal: try row.text(), endedAt: try row.optionalInteger())
    }

    private static func integer(_ row: inout Row) throws(DatabaseError) -> Int64 { try row.integer() }

    static let newestNumber = Statement(
        "audit.newest-number", "SELECT coalesce(max(number), CAST(0 AS BIGINT)) FROM audit_chain", decode: integer)

    /// Adds the chain with the number $1; none if another process has taken the number.
    static let begin = Statement(
        "audit.begin",
        """
        INSERT INTO audit_chain (number, id, place, is_in_table, started_at, is_oldest, first_sequence, first_previous, first_seal,
            last_sequence, last_code, last_seal, changed_at)
        VALUES (CAST($1 AS BIGINT), $2, $3, CAST($4 AS BIGINT), now_ms(), CAST($5 AS BIGINT), CAST($6 AS BIGINT), $7, $8,
            CAST($9 AS BIGINT), $10, $11, now_ms())
        ON CONFLICT (number) DO NOTHING RETURNING number
        """,
        decode: integer)

    /// Writes down the newest record of a chain, unless a newer one is written down already.
    static let advance = Statement<Void>(
        "audit.advance",
        """
        UPDATE audit_chain SET last_sequence = CAST($2 AS BIGINT), last_code = $3, last_seal = $4, changed_at = now_ms()
        WHERE id = $1 AND last_sequence <= CAST($2 AS BIGINT)
        """)

    static let end = Statement<Void>("audit.end", "UPDATE audit_chain SET ended_at = now_ms() WHERE id = $1")

    /// Writes down the oldest record of a chain that is kept, if what stood there is what the caller has read: the seal $6.
    static let retire = Statement(
        "audit.retire",
        """
        UPDATE audit_chain SET is_oldest = CAST($2 AS BIGINT), first_sequence = CAST($3 AS BIGINT), first_previous = $4, first_seal = $5
        WHERE id = $1 AND first_seal = $6 RETURNING number
        """,
        decode: integer)

    /// Removes a chain, if the one after it, $2, is as the caller has read it: under the seal $3.
    static let removeChain = Statement<Void>(
        "audit.remove-chain",
        "DELETE FROM audit_chain WHERE id = $1 AND EXISTS (SELECT 1 FROM audit_chain next WHERE next.id = $2 AND next.first_seal = $3)")

    static let chains = Statement("audit.chains", "SELECT \(chainColumns) FROM audit_chain ORDER BY number", decode: chain)

    /// A record that is there already is the same: its writer does not know that it came through.
    static let insert = Statement<Void>(
        "audit.insert",
        """
        INSERT INTO audit_record (chain, sequence, event_at, account, principal, event_name, resource, error_code, line)
        VALUES ($1, CAST($2 AS BIGINT), CAST($3 AS BIGINT), $4, $5, $6, $7, $8, $9) ON CONFLICT (chain, sequence) DO NOTHING
        """)

    private static func record(_ row: inout Row) throws(DatabaseError) -> AuditRecord {
        AuditRecord(
            chain: try row.text(), sequence: try row.integer(), time: try row.integer(), account: try row.text(),
            principal: try row.text(), eventName: try row.text(), resource: try row.text(), errorCode: try row.text(),
            line: try row.text())
    }

    private static let recordColumns = "chain, sequence, event_at, account, principal, event_name, resource, error_code, line"

    /// The next $3 records after a place in the order of chains.
    static let page = Statement(
        "audit.page",
        """
        SELECT \(recordColumns) FROM audit_record WHERE (chain, sequence) > ($1, CAST($2 AS BIGINT))
        ORDER BY chain, sequence LIMIT CAST($3 AS BIGINT)
        """,
        decode: record)

    /// The next $5 records after a place in the order of time, up to the time $4.
    static let pageByTime = Statement(
        "audit.page-by-time",
        """
        SELECT \(recordColumns) FROM audit_record
        WHERE (event_at, chain, sequence) > (CAST($1 AS BIGINT), $2, CAST($3 AS BIGINT)) AND event_at <= CAST($4 AS BIGINT)
        ORDER BY event_at, chain, sequence LIMIT CAST($5 AS BIGINT)
        """,
        decode: record)

    /// The newest record of a chain that is older than $2 milliseconds.
    static let newestOld = Statement(
        "audit.newest-old",
        """
        SELECT \(recordColumns) FROM audit_record WHERE chain = $1 AND event_at < (SELECT now_ms()) - CAST($2 AS BIGINT)
        ORDER BY sequence DESC LIMIT CAST(1 AS BIGINT)
        """,
        decode: record)

    /// Removes at most $3 records of a chain that come before $2.
    static let removeRecords = Statement(
        "audit.remove-records",
        """
        DELETE FROM audit_record WHERE chain = $1 AND sequence IN (
            SELECT sequence FROM audit_record WHERE chain = $1 AND sequence < CAST($2 AS BIGINT) ORDER BY sequence LIMIT CAST($3 AS BIGINT))
        RETURNING sequence
        """,
        decode: integer)

    static let all: [StatementText] = [
        newestNumber.text, begin.text, advance.text, end.text, retire.text, removeChain.text, chains.text, insert.text, page.text,
        pageByTime.text, newestOld.text, removeRecords.text,
    ]
}
