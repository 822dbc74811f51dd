import SQL

/// Statements on the media of streams: who sends it, and where it is.
enum MediaStatements {
    /// The statuses in which a stream takes and gives media.
    private static let usable = "stream.status IN ('CREATING', 'ACTIVE', 'UPDATING')"
    /// The stream of a row of `media_stream`.
    static let incarnation = """
        stream ON stream.account = media_stream.account AND stream.region = media_stream.region AND stream.name = media_stream.name
            AND stream.creation_time = media_stream.creation_time
        """

    // MARK: Sessions

    private static let streamColumns = """
        (SELECT media_stream.id FROM media_stream WHERE media_stream.stream_arn = stream.arn), stream.account, stream.region, stream.name,
        stream.creation_time, stream.arn, stream.data_retention_in_hours, stream.default_storage_tier, now_ms()
        """

    private static func stream(_ row: inout Row) throws(DatabaseError) -> StoredStream {
        StoredStream(
            id: try row.optionalInteger(),
            key: ResourceKey(
                .stream, account: try row.text(), region: try row.text(), name: try row.text(), creationTime: try row.integer()),
            arn: try row.text(), retentionHours: try row.integer(), storageTier: try row.text(), now: try row.integer())
    }

    /// The stream, if it takes and gives media.
    static let findStream = Statement(
        "media.find-stream",
        """
        SELECT \(streamColumns) FROM stream
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($4 AS BIGINT) IS NULL OR creation_time = $4) AND \(usable)
        """,
        decode: stream)

    /// Opens a session of such a stream, under the change $7. $5 is its id if it has none yet, $6 the instance. The number of its sessions, this one
    /// included.
    static let openSession = Statement(
        "media.open-session",
        """
        INSERT INTO media_stream (id, stream_arn, account, region, name, creation_time, epoch, instance_id, opened_at, closed_at, owner_epoch,
            owner_since, reserved_sequence, sealed_fragments, sealed_bytes, change_token, event_sequence, changed_at)
        SELECT CAST($5 AS BIGINT), arn, account, region, name, creation_time, 1, $6, now_ms(), CAST(NULL AS BIGINT), 0, 0, 0, 0, 0, $7, 1, now_ms()
        FROM stream
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($4 AS BIGINT) IS NULL OR creation_time = $4) AND \(usable)
        ON CONFLICT (stream_arn) DO UPDATE SET epoch = media_stream.epoch + 1, instance_id = excluded.instance_id,
            opened_at = excluded.opened_at, closed_at = NULL, change_token = excluded.change_token,
            event_sequence = media_stream.event_sequence + 1, changed_at = excluded.changed_at
        RETURNING epoch
        """
    ) { row throws(DatabaseError) in try row.integer() }

    private static func block(_ row: inout Row) throws(DatabaseError) -> SequenceBlock {
        SequenceBlock(last: try row.integer(), since: try row.integer())
    }

    /// Makes the session $2 of the stream $1 the one whose fragments are taken, unless a newer one is, and gives it a block of sequences. Its
    /// first fragment begins at $3 or, if any has begun at that time or later, after that.
    static let takeOver = Statement(
        "media.take-over",
        """
        UPDATE media_stream SET owner_epoch = CAST($2 AS BIGINT), reserved_sequence = reserved_sequence + \(SequenceBlock.size),
            owner_since = (SELECT max(moment) FROM (
                SELECT CAST($3 AS BIGINT) AS moment
                UNION ALL SELECT media_stream.owner_since + 1
                UNION ALL SELECT max(server_ms) + 1 FROM fragment WHERE stream_id = $1
                UNION ALL SELECT max(last_server_ms) + 1 FROM extent
                    WHERE stream_id = $1 AND first_server_ms = (SELECT max(first_server_ms) FROM extent WHERE stream_id = $1)
            ) AS moments)
        WHERE id = $1 AND owner_epoch < CAST($2 AS BIGINT)
            AND EXISTS (SELECT 1 FROM stream WHERE stream.account = media_stream.account AND stream.region = media_stream.region
                AND stream.name = media_stream.name AND stream.creation_time = media_stream.creation_time AND \(usable))
        RETURNING reserved_sequence, owner_since
        """,
        decode: block)

    /// Gives the session $2 of the stream $1 another block, if its fragments are the ones taken.
    static let extendSession = Statement(
        "media.extend-session",
        """
        UPDATE media_stream SET reserved_sequence = reserved_sequence + \(SequenceBlock.size)
        WHERE id = $1 AND owner_epoch = CAST($2 AS BIGINT) RETURNING reserved_sequence, owner_since
        """,
        decode: block)

    /// The session $2 of the stream $1 has ended, under the change $3. Nothing is open then, if it is the newest.
    static let closeSession = Statement<Void>(
        "media.close-session",
        """
        UPDATE media_stream SET closed_at = CASE WHEN epoch = CAST($2 AS BIGINT) THEN now_ms() ELSE closed_at END, change_token = $3,
            event_sequence = event_sequence + 1, changed_at = now_ms()
        WHERE id = $1
        """)

    // MARK: Fragments

    private static let packColumns = "id, tier, retention_hours, state, committed_bytes"

    private static func pack(_ row: inout Row) throws(DatabaseError) -> PackRow {
        PackRow(
            id: try row.integer(), tier: try row.text(), retentionHours: try row.integer(), state: try row.text(),
            committedBytes: try row.integer())
    }

    private static func integer(_ row: inout Row) throws(DatabaseError) -> Int64 { try row.integer() }

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

    /// Indexes a fragment of the session $13, if the stream takes media and no newer session had begun before the fragment did. That it is there
    /// already, by a commit whose outcome was not known, is as good.
    static let insertFragment = Statement(
        "media.insert-fragment",
        """
        INSERT INTO fragment (stream_id, sequence, server_ms, number_low, producer_ms, length_ms, size, flags, pack_id, parts, track_set,
            track_set_at)
        SELECT media_stream.id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT),
            CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($9 AS BIGINT), $10, $11, $12
        FROM media_stream JOIN \(incarnation)
        WHERE media_stream.id = $1 AND \(usable)
            AND (media_stream.owner_epoch <= CAST($13 AS BIGINT) OR CAST($3 AS BIGINT) < media_stream.owner_since)
            AND EXISTS (SELECT 1 FROM pack WHERE pack.id = CAST($9 AS BIGINT) AND pack.state = 'OPEN')
        ON CONFLICT (stream_id, sequence) DO UPDATE SET flags = excluded.flags
            WHERE fragment.pack_id = excluded.pack_id AND fragment.parts = excluded.parts
        RETURNING sequence
        """,
        decode: integer)

    /// Whether the stream $1 takes media, for a fragment that was not taken.
    static let isUsable = Statement(
        "media.is-usable", "SELECT media_stream.id FROM media_stream JOIN \(incarnation) WHERE media_stream.id = $1 AND \(usable)",
        decode: integer)

    private static let fragmentColumns = """
        stream_id, sequence, server_ms, number_low, producer_ms, length_ms, size, flags, pack_id, parts, track_set, track_set_at
        """

    private static func fragment(_ row: inout Row) throws(DatabaseError) -> FragmentRow {
        FragmentRow(
            streamID: try row.integer(), sequence: try row.integer(), serverTime: try row.integer(), numberLow: try row.integer(),
            producerTime: try row.integer(), length: try row.integer(), size: try row.integer(), flags: try row.integer(),
            packID: try row.integer(), parts: try row.text(), trackSet: try row.text(), trackSetPlace: try row.text())
    }

    /// At most $5 fragments of the stream $1 after the sequence $2 whose server times are from $3 to $4.
    static let fragments = Statement(
        "media.fragments",
        """
        SELECT \(fragmentColumns) FROM fragment
        WHERE stream_id = $1 AND sequence > CAST($2 AS BIGINT) AND server_ms BETWEEN CAST($3 AS BIGINT) AND CAST($4 AS BIGINT)
        ORDER BY sequence LIMIT CAST($5 AS BIGINT)
        """,
        decode: fragment)

    /// At most $7 fragments of the stream $1 whose producer times are from $2 to $3 and server times from $4 on, in the order of producer times and
    /// sequences, after $5 and $6. A stream has the fragments of a few minutes in rows; they are sorted.
    static let fragmentsByProducer = Statement(
        "media.fragments-by-producer",
        """
        SELECT \(fragmentColumns) FROM fragment
        WHERE stream_id = $1 AND producer_ms BETWEEN CAST($2 AS BIGINT) AND CAST($3 AS BIGINT) AND server_ms >= CAST($4 AS BIGINT)
            AND (producer_ms > CAST($5 AS BIGINT) OR (producer_ms = CAST($5 AS BIGINT) AND sequence > CAST($6 AS BIGINT)))
        ORDER BY producer_ms, sequence LIMIT CAST($7 AS BIGINT)
        """,
        decode: fragment)

    static let fragmentOf = Statement(
        "media.fragment", "SELECT \(fragmentColumns) FROM fragment WHERE stream_id = $1 AND sequence = CAST($2 AS BIGINT)", decode: fragment
    )

    static let lastFragment = Statement(
        "media.last-fragment",
        "SELECT \(fragmentColumns) FROM fragment WHERE stream_id = $1 ORDER BY sequence DESC LIMIT CAST(1 AS BIGINT)", decode: fragment)

    private static let extentColumns = """
        stream_id, first_sequence, last_sequence, first_server_ms, last_server_ms, min_producer_ms, max_producer_ms, producer_end_ms, fragments,
        bytes, gaps, gap_ms, pack_id, footer_at, footer_bytes
        """

    private static func extent(_ row: inout Row) throws(DatabaseError) -> ExtentRow {
        ExtentRow(
            streamID: try row.integer(), firstSequence: try row.integer(), lastSequence: try row.integer(),
            firstServerTime: try row.integer(), lastServerTime: try row.integer(), minProducerTime: try row.integer(),
            maxProducerTime: try row.integer(),
            producerEnd: try row.integer(), fragments: try row.integer(), bytes: try row.integer(), gaps: try row.integer(),
            gapTime: try row.integer(), packID: try row.integer(), footerOffset: try row.integer(), footerLength: try row.integer())
    }

    /// At most $5 extents of the stream $1 with sequences after $2 and server times between $3 and $4, in order. Sequences and server times rise
    /// together, so that both ends of the range are found by an index.
    static let extents = Statement(
        "media.extents",
        """
        SELECT \(extentColumns) FROM extent
        WHERE stream_id = $1
            AND first_sequence >= coalesce((SELECT max(first_sequence) FROM extent
                WHERE stream_id = $1 AND first_sequence <= CAST($2 AS BIGINT)), 0)
            AND first_sequence >= coalesce((SELECT first_sequence FROM extent WHERE stream_id = $1 AND first_server_ms <= CAST($3 AS BIGINT)
                ORDER BY first_server_ms DESC LIMIT CAST(1 AS BIGINT)), 0)
            AND first_sequence <= coalesce((SELECT first_sequence FROM extent WHERE stream_id = $1 AND first_server_ms <= CAST($4 AS BIGINT)
                ORDER BY first_server_ms DESC LIMIT CAST(1 AS BIGINT)), -1)
            AND last_sequence > CAST($2 AS BIGINT) AND last_server_ms >= CAST($3 AS BIGINT)
        ORDER BY first_sequence LIMIT CAST($5 AS BIGINT)
        """,
        decode: extent)

    /// At most $7 extents of the stream $1 that may hold fragments of producer times from $2 to $3 and server times from $4 on, in the order of
    /// their least producer time and first sequence, after $5 and $6. No extent spans more than an hour of producer times.
    static let extentsByProducer = Statement(
        "media.extents-by-producer",
        """
        SELECT \(extentColumns) FROM extent
        WHERE stream_id = $1 AND min_producer_ms BETWEEN CAST($2 AS BIGINT) - \(ExtentRow.longestSpan) AND CAST($3 AS BIGINT)
            AND min_producer_ms >= CAST($5 AS BIGINT)
            AND (min_producer_ms > CAST($5 AS BIGINT) OR first_sequence > CAST($6 AS BIGINT))
            AND max_producer_ms >= CAST($2 AS BIGINT) AND last_server_ms >= CAST($4 AS BIGINT)
        ORDER BY min_producer_ms, first_sequence LIMIT CAST($7 AS BIGINT)
        """,
        decode: extent)

    /// The extent of the stream $1 that would hold the sequence $2.
    static let extentOf = Statement(
        "media.extent",
        """
        SELECT \(extentColumns) FROM extent WHERE stream_id = $1 AND first_sequence <= CAST($2 AS BIGINT)
        ORDER BY first_sequence DESC LIMIT CAST(1 AS BIGINT)
        """,
        decode: extent)

    static let extentsOfPack = Statement(
        "media.extents-of-pack", "SELECT \(extentColumns) FROM extent WHERE pack_id = CAST($1 AS BIGINT)", decode: extent)

    // MARK: Packs

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

    // MARK: Deletion of a stream

    private static let deleted = """
        (SELECT media_stream.id FROM media_stream JOIN \(incarnation) WHERE media_stream.stream_arn = $1 AND stream.status = 'DELETING')
        """
    /// Whether media was ever sent to the stream $1.
    static let isKnown = Statement("media.is-known", "SELECT id FROM media_stream WHERE stream_arn = $1", decode: integer)

    private static let firstExtents = """
        SELECT stream_id, first_sequence, pack_id FROM extent WHERE stream_id = \(deleted) ORDER BY first_sequence LIMIT CAST($2 AS BIGINT)
        """

    /// Marks the packs of the first $2 extents of the stream $1, which is DELETING: it is about to leave them.
    static let freePacks = Statement<Void>(
        "media.free-packs",
        "UPDATE pack SET freed = freed + 1, check_at = 0 WHERE id IN (SELECT pack_id FROM (\(firstExtents)) AS leaving)")

    static let removeExtents = Statement(
        "media.remove-extents",
        """
        DELETE FROM extent WHERE (stream_id, first_sequence) IN (SELECT stream_id, first_sequence FROM (\(firstExtents)) AS leaving)
        RETURNING fragments
        """,
        decode: integer)

    static let removeFragments = Statement(
        "media.remove-fragments",
        """
        DELETE FROM fragment WHERE (stream_id, sequence) IN (
            SELECT stream_id, sequence FROM fragment WHERE stream_id = \(deleted) ORDER BY sequence LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """,
        decode: integer)

    /// Forgets the stream of this name that was last changed under the token $4; not while anything of it is kept.
    static let removeStream = Statement<Void>(
        "media.remove-stream",
        """
        DELETE FROM media_stream WHERE stream_arn IN (
            SELECT arn FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4)
        """)

    // MARK: Restoring

    /// Makes a stream anew of which nothing but media is left, unless there is one of its name. $8 is a fresh token.
    static let restoreStream = Statement<Void>(
        "media.restore-stream",
        """
        INSERT INTO stream (account, region, name, arn, creation_time, status, version, kms_key_id, data_retention_in_hours, default_storage_tier,
            tag_count, change_token, event_sequence, changed_at)
        VALUES ($1, $2, $3, $4, CAST($5 AS BIGINT), 'ACTIVE', $8, $9, CAST($6 AS BIGINT), $7, 0, $8, 0, now_ms())
        ON CONFLICT (account, region, name) DO NOTHING
        """)

    /// Counts a stream that was made anew under the token $4.
    static let countRestoredStream = Statement<Void>(
        "media.count-restored-stream",
        """
        INSERT INTO account_usage (account, region, stream_count, last_deleted_creation_time, change_token, channel_count)
        SELECT account, region, 1, 0, change_token, 0 FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4
        ON CONFLICT (account, region) DO UPDATE SET stream_count = account_usage.stream_count + 1
        """)

    /// Makes the media of a stream known again whose sequences reach to $2.
    static let restoreMediaStream = Statement(
        "media.restore-media-stream",
        """
        INSERT INTO media_stream (id, stream_arn, account, region, name, creation_time, epoch, instance_id, opened_at, closed_at, owner_epoch,
            owner_since, reserved_sequence, sealed_fragments, sealed_bytes)
        SELECT CAST($1 AS BIGINT), arn, account, region, name, creation_time, 0, '', 0, 0, 0, 0, CAST($2 AS BIGINT), 0, 0 FROM stream
        WHERE account = $3 AND region = $4 AND name = $5 AND arn = $6
        ON CONFLICT (stream_arn) DO UPDATE SET reserved_sequence = CASE WHEN media_stream.reserved_sequence < excluded.reserved_sequence
            THEN excluded.reserved_sequence ELSE media_stream.reserved_sequence END WHERE media_stream.id = excluded.id
        RETURNING id
        """,
        decode: integer)

    // MARK: Sums

    /// Fragments, bytes, first and last server time of what is kept of the stream $1.
    static let usage = Statement(
        "media.usage",
        """
        SELECT sealed_fragments + (SELECT count(*) FROM fragment JOIN pack ON pack.id = fragment.pack_id AND pack.state = 'OPEN'
                WHERE fragment.stream_id = $1),
            sealed_bytes + (SELECT CAST(coalesce(sum(fragment.size), 0) AS BIGINT) FROM fragment
                JOIN pack ON pack.id = fragment.pack_id AND pack.state = 'OPEN' WHERE fragment.stream_id = $1),
            coalesce((SELECT min(first_server_ms) FROM extent WHERE stream_id = $1), (SELECT min(server_ms) FROM fragment WHERE stream_id = $1)),
            coalesce((SELECT max(server_ms) FROM fragment WHERE stream_id = $1),
                (SELECT last_server_ms FROM extent WHERE stream_id = $1 ORDER BY first_sequence DESC LIMIT CAST(1 AS BIGINT)))
        FROM media_stream WHERE id = $1
        """
    ) { row throws(DatabaseError) in
        StorageUsage(
            fragments: try row.integer(), bytes: try row.integer(), first: try row.optionalInteger(), last: try row.optionalInteger())
    }

    private static let sums = """
        SELECT account, CAST(sum(bytes) AS BIGINT) FROM (
            SELECT account, sealed_bytes AS bytes FROM media_stream WHERE (CAST($1 AS TEXT) IS NULL OR account = $1)
            UNION ALL
            SELECT media_stream.account, fragment.size FROM pack JOIN fragment ON fragment.pack_id = pack.id
                JOIN media_stream ON media_stream.id = fragment.stream_id
            WHERE pack.state = 'OPEN' AND (CAST($1 AS TEXT) IS NULL OR media_stream.account = $1)
        ) AS kept GROUP BY account
        """

    /// Bytes that are kept for each account, or for the account $1. Reads every stream that media was sent to, and every row of an OPEN pack.
    static let accountBytes = Statement("media.account-bytes", sums) { row throws(DatabaseError) in
        AccountBytes(account: try row.text(), bytes: try row.integer())
    }

    /// The streams that receive now: those whose newest session is open on an instance that was heard of lately; at most $1.
    static let receiving = Statement(
        "media.receiving",
        """
        SELECT media_stream.account, media_stream.region, media_stream.name, media_stream.opened_at,
            (SELECT max(server_ms) FROM fragment WHERE stream_id = media_stream.id), now_ms()
        FROM instance CROSS JOIN media_stream
        WHERE media_stream.instance_id = instance.id AND media_stream.closed_at IS NULL AND instance.status <> 'STOPPED' AND instance.heartbeat_at > (SELECT now_ms()) - 15000
        LIMIT CAST($1 AS BIGINT)
        """
    ) { row throws(DatabaseError) in
        ReceivingStream(
            account: try row.text(), region: try row.text(), name: try row.text(), openedAt: try row.integer(),
            lastFragmentAt: try row.optionalInteger(), now: try row.integer())
    }

    static let all: [StatementText] = [
        findStream.text, openSession.text, takeOver.text, extendSession.text, closeSession.text, insertPack.text, advancePack.text,
        insertFragment.text, isUsable.text, fragments.text, fragmentsByProducer.text, fragmentOf.text, lastFragment.text, extents.text,
        extentsByProducer.text, extentOf.text, extentsOfPack.text, findPack.text, packs.text, oldestPack.text, rowsOfPack.text,
        arnsOfPack.text, sealedWithRows.text,
        insertExtent.text, countExtents.text, sealPack.text, removeSealedRows.text, duePacks.text, putOffPack.text, expirePack.text,
        uncountExtents.text, removeExtentsOfPack.text, removeRowsOfPack.text, abandonPack.text, removePack.text, freedPacks.text,
        reclaimPack.text, isKnown.text, freePacks.text, removeExtents.text, removeFragments.text, removeStream.text, usage.text,
        accountBytes.text,
        receiving.text, restoreStream.text, countRestoredStream.text, restoreMediaStream.text,
    ]
}
