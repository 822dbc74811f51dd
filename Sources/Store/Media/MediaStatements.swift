import SQL

/// Statements on the media of streams: who sends it, and where it is.
enum MediaStatements {
    /// The statuses in which a stream takes and gives media.
    static let usable = "stream.status IN ('CREATING', 'ACTIVE', 'UPDATING')"
    /// The stream of a row of `media_stream`.
    static let incarnation = """
        stream ON stream.account = media_stream.account AND stream.region = media_stream.region AND stream.name = media_stream.name
            AND stream.creation_time = media_stream.creation_time
        """

    static func integer(_ row: inout Row) throws(DatabaseError) -> Int64 { try row.integer() }

    // MARK: Sessions

    private static let streamColumns = """
        (SELECT media_stream.id FROM media_stream WHERE media_stream.stream_arn = stream.arn), stream.account, stream.region, stream.name,
        stream.creation_time, stream.arn, stream.data_retention_in_hours, stream.default_storage_tier, stream.image_generation_configuration,
        now_ms()
        """

    private static func stream(_ row: inout Row) throws(DatabaseError) -> StoredStream {
        StoredStream(
            id: try row.optionalInteger(),
            key: ResourceKey(
                .stream, account: try row.text(), region: try row.text(), name: try row.text(), creationTime: try row.integer()),
            arn: try row.text(), retentionHours: try row.integer(), storageTier: try row.text(),
            imageGeneration: try row.optionalText(), now: try row.integer())
    }

    /// The stream, if it takes and gives media.
    static let findStream = Statement(
        "media.find-stream",
        """
        SELECT \(streamColumns) FROM stream
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($4 AS BIGINT) IS NULL OR creation_time = $4) AND \(usable)
        """,
        decode: stream)

    /// The stream whose media has the id $1, if it takes and gives media.
    static let findStreamOfID = Statement(
        "media.find-stream-of-id", "SELECT \(streamColumns) FROM media_stream JOIN \(incarnation) WHERE media_stream.id = $1 AND \(usable)",
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

    // MARK: Deletion of a stream

    static let deleted = """
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

    /// Bytes that are kept for each account. Reads every stream that media was sent to, and every row of an OPEN pack.
    static let accountBytes = Statement(
        "media.account-bytes",
        """
        SELECT account, CAST(sum(bytes) AS BIGINT) FROM (
            SELECT account, sealed_bytes AS bytes FROM media_stream
            UNION ALL
            SELECT media_stream.account, fragment.size FROM pack JOIN fragment ON fragment.pack_id = pack.id
                JOIN media_stream ON media_stream.id = fragment.stream_id
            WHERE pack.state = 'OPEN'
        ) AS kept GROUP BY account
        """
    ) { row throws(DatabaseError) in
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

    /// The instance of the newest session of the stream $1, while that is open and the instance was heard of lately.
    static let receiver = Statement(
        "media.receiver",
        """
        SELECT instance.id FROM media_stream JOIN instance ON instance.id = media_stream.instance_id
        WHERE media_stream.stream_arn = $1 AND media_stream.closed_at IS NULL AND instance.status <> 'STOPPED'
            AND instance.heartbeat_at > (SELECT now_ms()) - 15000
        """
    ) { row throws(DatabaseError) in try row.text() }

    static let all: [StatementText] = [
        receiver.text,
        findStream.text, findStreamOfID.text, openSession.text, takeOver.text, extendSession.text, closeSession.text, insertPack.text,
        advancePack.text,
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
