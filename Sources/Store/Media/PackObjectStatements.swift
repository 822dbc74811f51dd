import SQL

/// Statements on packs that are objects: of a round of an instance each, until some of them are put together in a larger one.
enum PackObjectStatements {
    private static func integer(_ row: inout Row) throws(DatabaseError) -> Int64 { try row.integer() }

    /// Makes a pack known whose object is about to be stored; none if there is one of its id.
    static let reserve = Statement(
        "media.reserve-pack",
        """
        INSERT INTO pack (id, store_id, tier, retention_hours, state, created_at, committed_bytes, check_at, freed)
        VALUES (CAST($1 AS BIGINT), $2, $3, CAST($4 AS BIGINT), 'OPEN', now_ms(), 0, 0, 0)
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        decode: integer)

    /// Gives up at most 100 packs of the store $1 that were made known more than $2 milliseconds ago and never had anything in the index: from
    /// then on nothing of them is indexed.
    static let giveUpReserved = Statement(
        "media.give-up-reserved",
        """
        UPDATE pack SET state = 'DELETING', check_at = now_ms() WHERE state = 'OPEN' AND committed_bytes = 0 AND id IN (
            SELECT id FROM pack WHERE store_id = $1 AND state = 'OPEN' AND committed_bytes = 0
                AND created_at < (SELECT now_ms()) - CAST($2 AS BIGINT)
            ORDER BY id LIMIT CAST(100 AS BIGINT))
        RETURNING id
        """,
        decode: integer)

    /// Gives up the OPEN pack $1 in which the index has nothing.
    static let giveUpEmpty = Statement<Void>(
        "media.give-up-empty",
        """
        UPDATE pack SET state = 'DELETING', check_at = now_ms() WHERE id = CAST($1 AS BIGINT) AND state = 'OPEN'
            AND NOT EXISTS (SELECT 1 FROM fragment WHERE fragment.pack_id = CAST($1 AS BIGINT))
        """)

    /// Claims by $2, for $6 milliseconds, the oldest OPEN packs of a tier and retention of the store $1 that are older than $3 milliseconds, as
    /// many as have $4 bytes together, if they have as many or one is older than $5.
    static let claim = Statement(
        "media.claim-packs",
        """
        WITH ready AS (
            SELECT id, tier, retention_hours, committed_bytes, created_at FROM pack
            WHERE store_id = $1 AND state = 'OPEN' AND committed_bytes > 0 AND claimed_until < (SELECT now_ms())
                AND created_at < (SELECT now_ms()) - CAST($3 AS BIGINT)
            ORDER BY id LIMIT CAST(2000 AS BIGINT)
        ), oldest AS (
            SELECT tier, retention_hours FROM ready ORDER BY id LIMIT CAST(1 AS BIGINT)
        ), chosen AS (
            SELECT ready.id AS pack_id, ready.created_at AS made_at, sum(ready.committed_bytes) OVER (ORDER BY ready.id) AS total,
                row_number() OVER (ORDER BY ready.id) AS place
            FROM ready JOIN oldest ON oldest.tier = ready.tier AND oldest.retention_hours = ready.retention_hours
        )
        UPDATE pack SET claim = $2, claimed_until = now_ms() + CAST($6 AS BIGINT)
        WHERE state = 'OPEN' AND claimed_until < (SELECT now_ms())
            AND id IN (SELECT pack_id FROM chosen WHERE total <= CAST($4 AS BIGINT) OR place = 1)
            AND EXISTS (SELECT 1 FROM chosen WHERE total >= CAST($4 AS BIGINT) OR made_at < (SELECT now_ms()) - CAST($5 AS BIGINT))
        RETURNING \(MediaStatements.packColumns)
        """,
        decode: MediaStatements.pack)

    /// Locks what $1 has claimed and still may put together.
    static let lockClaimed = Statement(
        "media.lock-claimed", "UPDATE pack SET claimed_until = claimed_until WHERE claim = $1 AND state = 'OPEN' RETURNING id",
        decode: integer)

    /// Whether the pack $1 may take the place of what $2 has claimed, in which there are $3 fragments still.
    private static let isWhole = """
        EXISTS (SELECT 1 FROM pack WHERE pack.id = CAST($1 AS BIGINT) AND pack.state = 'OPEN')
            AND (SELECT count(*) FROM pack JOIN fragment ON fragment.pack_id = pack.id WHERE pack.claim = $2 AND pack.state = 'OPEN')
                = CAST($3 AS BIGINT)
        """

    static let insertExtent = Statement<Void>(
        "media.insert-extent-of-claimed",
        """
        INSERT INTO extent (pack_id, stream_id, first_sequence, last_sequence, first_server_ms, last_server_ms, min_producer_ms,
            max_producer_ms, producer_end_ms, fragments, bytes, gaps, gap_ms, footer_at, footer_bytes)
        SELECT CAST($1 AS BIGINT), media_stream.id, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT),
            CAST($9 AS BIGINT), CAST($10 AS BIGINT), CAST($11 AS BIGINT), CAST($12 AS BIGINT), CAST($13 AS BIGINT), CAST($14 AS BIGINT),
            CAST($15 AS BIGINT), CAST($16 AS BIGINT), CAST($17 AS BIGINT)
        FROM media_stream WHERE media_stream.id = CAST($4 AS BIGINT) AND \(isWhole)
        """)

    static let countExtents = Statement<Void>(
        "media.count-extents-of-claimed",
        """
        UPDATE media_stream SET sealed_fragments = sealed_fragments + CAST($5 AS BIGINT), sealed_bytes = sealed_bytes + CAST($6 AS BIGINT)
        WHERE id = CAST($4 AS BIGINT) AND \(isWhole)
        """)

    /// The object of the pack $1 has $4 bytes, with server times from $5 to $6.
    static let fill = Statement<Void>(
        "media.fill-pack",
        """
        UPDATE pack SET committed_bytes = CAST($4 AS BIGINT), first_server_ms = CAST($5 AS BIGINT), last_server_ms = CAST($6 AS BIGINT)
        WHERE id = CAST($1 AS BIGINT) AND \(isWhole)
        """)

    /// Whether the pack $1 was filled in this batch.
    private static let isFilled =
        "EXISTS (SELECT 1 FROM pack WHERE pack.id = CAST($1 AS BIGINT) AND pack.state = 'OPEN' AND pack.committed_bytes > 0)"

    static let removeClaimedRows = Statement<Void>(
        "media.remove-claimed-rows",
        "DELETE FROM fragment WHERE pack_id IN (SELECT id FROM pack WHERE claim = $2 AND state = 'OPEN') AND \(isFilled)")

    /// What $2 has claimed is DELETING, and its objects may go in $3 milliseconds: readers may be at them.
    static let retireClaimed = Statement<Void>(
        "media.retire-claimed",
        """
        UPDATE pack SET state = 'DELETING', check_at = now_ms() + CAST($3 AS BIGINT) WHERE claim = $2 AND state = 'OPEN' AND \(isFilled)
        """)

    /// Ends the pack $1, which is looked at again in $2 milliseconds.
    static let seal = Statement(
        "media.seal-filled",
        """
        UPDATE pack SET state = 'SEALED', check_at = now_ms() + CAST($2 AS BIGINT)
        WHERE id = CAST($1 AS BIGINT) AND state = 'OPEN' AND committed_bytes > 0 RETURNING id
        """,
        decode: integer)

    /// At most 100 packs of the store $1 whose objects may go.
    static let removable = Statement(
        "media.removable-packs",
        """
        SELECT \(MediaStatements.packColumns) FROM pack WHERE store_id = $1 AND state = 'DELETING' AND check_at <= (SELECT now_ms())
        ORDER BY id LIMIT CAST(100 AS BIGINT)
        """,
        decode: MediaStatements.pack)

    /// Forgets the DELETING pack $1, if it was made known $2 milliseconds ago or earlier.
    static let forgetOld = Statement<Void>(
        "media.forget-old-pack",
        """
        DELETE FROM pack WHERE id = CAST($1 AS BIGINT) AND state = 'DELETING' AND created_at <= (SELECT now_ms()) - CAST($2 AS BIGINT)
        """)

    /// Has the object of the DELETING pack $1 removed once more, $2 milliseconds after it was made known.
    static let removeAgain = Statement<Void>(
        "media.remove-pack-again",
        "UPDATE pack SET check_at = created_at + CAST($2 AS BIGINT) WHERE id = CAST($1 AS BIGINT) AND state = 'DELETING'")

    static let all: [StatementText] = [
        reserve.text, giveUpReserved.text, giveUpEmpty.text, claim.text, lockClaimed.text, insertExtent.text, countExtents.text, fill.text,
        removeClaimedRows.text, retireClaimed.text, seal.text, removable.text, forgetOld.text,
        removeAgain.text,
    ]
}
