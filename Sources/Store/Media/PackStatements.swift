import SQL

/// Statements on packs.
extension MediaStatements {
    static let packColumns = "id, tier, retention_hours, state, committed_bytes"

    static func pack(_ row: inout Row) throws(DatabaseError) -> PackRow {
        PackRow(
            id: try row.integer(), tier: try row.text(), retentionHours: try row.integer(), state: try row.text(),
            committedBytes: try row.integer())
    }

    static let insertPack = Statement<Void>(
        "media.insert-pack",
        """
        INSERT INTO pack (id, store_id, tier, retention_hours, state, created_at, committed_bytes, check_at, freed)
        VALUES (CAST($1 AS BIGINT), $2, $3, CAST($4 AS BIGINT), 'OPEN', now_ms(), 0, 0, 0)
        ON CONFLICT (id) DO NOTHING
        """)

    /// What is indexed of the OPEN pack $1 reaches to $2, from the server time $3 to $4.
    static let advancePack = Statement<Void>(
        "media.advance-pack",
        """
        UPDATE pack SET committed_bytes = CAST($2 AS BIGINT), first_server_ms = coalesce(first_server_ms, CAST($3 AS BIGINT)),
            last_server_ms = CAST($4 AS BIGINT)
        WHERE id = $1 AND state = 'OPEN' AND committed_bytes <= CAST($2 AS BIGINT)
        """)

    static let findPack = Statement(
        "media.find-pack", "SELECT \(packColumns) FROM pack WHERE id = CAST($1 AS BIGINT) AND store_id = $2", decode: pack)

    /// At most $4 packs of the folder $1 in the state $2 after the id $3.
    static let packs = Statement(
        "media.packs",
        """
        SELECT \(packColumns) FROM pack WHERE store_id = $1 AND state = $2 AND id > CAST($3 AS BIGINT)
        ORDER BY id LIMIT CAST($4 AS BIGINT)
        """,
        decode: pack)

    /// The oldest SEALED pack of a tier of the folder.
    static let oldestPack = Statement(
        "media.oldest-pack",
        """
        SELECT \(packColumns) FROM pack WHERE store_id = $1 AND state = 'SEALED' AND tier = $2 ORDER BY id LIMIT CAST(1 AS BIGINT)
        """,
        decode: pack)

    static let rowsOfPack = Statement(
        "media.rows-of-pack",
        "SELECT \(fragmentColumns) FROM fragment WHERE pack_id = CAST($1 AS BIGINT) ORDER BY stream_id, sequence", decode: fragment)

    /// The ARNs of the streams that have rows in the pack $1.
    static let arnsOfPack = Statement(
        "media.arns-of-pack",
        "SELECT id, stream_arn FROM media_stream WHERE id IN (SELECT stream_id FROM fragment WHERE pack_id = CAST($1 AS BIGINT))"
    ) { row throws(DatabaseError) in (try row.integer(), try row.text()) }

    /// The SEALED packs of the folder $1 that have rows still, by a loose scan of the index: one step for each pack with rows.
    static let sealedWithRows = Statement(
        "media.sealed-with-rows",
        """
        WITH RECURSIVE present(pack_id) AS (
            SELECT min(pack_id) FROM fragment
            UNION ALL
            SELECT (SELECT min(fragment.pack_id) FROM fragment WHERE fragment.pack_id > present.pack_id)
            FROM present WHERE present.pack_id IS NOT NULL
        )
        SELECT pack.id FROM present JOIN pack ON pack.id = present.pack_id WHERE pack.store_id = $1 AND pack.state = 'SEALED'
        """,
        decode: integer)

    private static let packIsOpen = "EXISTS (SELECT 1 FROM pack WHERE pack.id = CAST($1 AS BIGINT) AND pack.state = 'OPEN')"

    /// An extent of the pack $1, while that is OPEN and the stream is there.
    static let insertExtent = Statement<Void>(
        "media.insert-extent",
        """
        INSERT INTO extent (pack_id, \(extentColumns.replacing("pack_id, ", with: "")))
        SELECT CAST($1 AS BIGINT), media_stream.id, CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT),
            CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($9 AS BIGINT), CAST($10 AS BIGINT), CAST($11 AS BIGINT), CAST($12 AS BIGINT),
            CAST($13 AS BIGINT), CAST($14 AS BIGINT), CAST($15 AS BIGINT)
        FROM media_stream WHERE media_stream.id = CAST($2 AS BIGINT) AND \(packIsOpen)
        """)

    /// Counts what has become extents of the stream $2.
    static let countExtents = Statement<Void>(
        "media.count-extents",
        """
        UPDATE media_stream SET sealed_fragments = sealed_fragments + CAST($3 AS BIGINT), sealed_bytes = sealed_bytes + CAST($4 AS BIGINT)
        WHERE id = CAST($2 AS BIGINT) AND \(packIsOpen)
        """)

    /// Ends a pack, whose file has $2 bytes, that is looked at again in $3 milliseconds.
    static let sealPack = Statement(
        "media.seal-pack",
        """
        UPDATE pack SET state = 'SEALED', committed_bytes = CAST($2 AS BIGINT), check_at = now_ms() + CAST($3 AS BIGINT)
        WHERE id = CAST($1 AS BIGINT) AND state = 'OPEN' RETURNING id
        """,
        decode: integer)

    /// Removes at most $2 rows of the SEALED pack $1, which extents stand for.
    static let removeSealedRows = Statement(
        "media.remove-sealed-rows",
        """
        DELETE FROM fragment WHERE (stream_id, sequence) IN (
            SELECT stream_id, sequence FROM fragment WHERE pack_id = CAST($1 AS BIGINT)
                AND EXISTS (SELECT 1 FROM pack WHERE pack.id = CAST($1 AS BIGINT) AND pack.state = 'SEALED')
            LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """,
        decode: integer)

    /// The SEALED packs of the folder $1 that are due, and until when there is something in them; at most $2.
    static let duePacks = Statement(
        "media.due-packs",
        """
        SELECT \(packColumns), (SELECT max(extent.last_server_ms + stream.data_retention_in_hours * 3600000)
            FROM extent JOIN media_stream ON media_stream.id = extent.stream_id JOIN \(incarnation) WHERE extent.pack_id = pack.id), now_ms()
        FROM pack WHERE store_id = $1 AND state = 'SEALED' AND check_at <= (SELECT now_ms()) ORDER BY check_at LIMIT CAST($2 AS BIGINT)
        """
    ) { row throws(DatabaseError) in
        DuePack(pack: try pack(&row), livesUntil: try row.optionalInteger(), now: try row.integer())
    }

    /// Looks at the pack $1 again at $2.
    static let putOffPack = Statement<Void>(
        "media.put-off-pack", "UPDATE pack SET check_at = CAST($2 AS BIGINT) WHERE id = CAST($1 AS BIGINT) AND state = 'SEALED'")

    /// Gives a SEALED pack up that holds nothing but what has expired; any, where $2 is 1.
    static let expirePack = Statement(
        "media.expire-pack",
        """
        UPDATE pack SET state = 'DELETING' WHERE id = CAST($1 AS BIGINT) AND state = 'SEALED' AND (CAST($2 AS BIGINT) = 1 OR NOT EXISTS (
            SELECT 1 FROM extent JOIN media_stream ON media_stream.id = extent.stream_id JOIN \(incarnation)
            WHERE extent.pack_id = CAST($1 AS BIGINT)
                AND extent.last_server_ms > (SELECT now_ms()) - stream.data_retention_in_hours * 3600000))
        RETURNING id
        """,
        decode: integer)

    private static let packIsDeleting = "EXISTS (SELECT 1 FROM pack WHERE pack.id = CAST($1 AS BIGINT) AND pack.state = 'DELETING')"

    /// Takes what is in the pack $1, which is DELETING, off the sums of its streams.
    static let uncountExtents = Statement<Void>(
        "media.uncount-extents",
        """
        UPDATE media_stream SET sealed_fragments = sealed_fragments - gone.fragments, sealed_bytes = sealed_bytes - gone.bytes
        FROM (SELECT stream_id, CAST(sum(fragments) AS BIGINT) AS fragments, CAST(sum(bytes) AS BIGINT) AS bytes
            FROM extent WHERE pack_id = CAST($1 AS BIGINT) GROUP BY stream_id) AS gone
        WHERE media_stream.id = gone.stream_id AND \(packIsDeleting)
        """)

    static let removeExtentsOfPack = Statement(
        "media.remove-extents-of-pack", "DELETE FROM extent WHERE pack_id = CAST($1 AS BIGINT) AND \(packIsDeleting) RETURNING fragments",
        decode: integer)

    static let removeRowsOfPack = Statement(
        "media.remove-rows-of-pack", "DELETE FROM fragment WHERE pack_id = CAST($1 AS BIGINT) AND \(packIsDeleting) RETURNING sequence",
        decode: integer)

    /// Gives an OPEN pack up whose file is lost, or that never had anything in it.
    static let abandonPack = Statement(
        "media.abandon-pack", "UPDATE pack SET state = 'DELETING' WHERE id = CAST($1 AS BIGINT) AND state = 'OPEN' RETURNING id",
        decode: integer)

    static let removePack = Statement<Void>(
        "media.remove-pack", "DELETE FROM pack WHERE id = CAST($1 AS BIGINT) AND state = 'DELETING'")

    /// The packs of the folder $1 that streams have left.
    static let freedPacks = Statement(
        "media.freed-packs",
        """
        SELECT \(packColumns), freed FROM pack WHERE store_id = $1 AND freed > 0 AND id > CAST($2 AS BIGINT) ORDER BY id LIMIT CAST(100 AS BIGINT)
        """
    ) { row throws(DatabaseError) in FreedPack(pack: try pack(&row), freed: try row.integer()) }

    /// The space of the pack $1 was given back, when $2 had left it.
    static let reclaimPack = Statement<Void>(
        "media.reclaim-pack", "UPDATE pack SET freed = 0 WHERE id = CAST($1 AS BIGINT) AND freed = CAST($2 AS BIGINT)")
}
