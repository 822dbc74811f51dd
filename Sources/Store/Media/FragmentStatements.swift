import SQL

/// Statements on fragments: as rows while their pack is open, and as extents once it is sealed.
extension MediaStatements {
    /// Indexes a fragment of the session $13, if the stream takes media, no newer session had begun before the fragment did, and none of a newer session is there:
    /// readers may have passed this one. That it is there already, by a commit whose outcome was not known, is as good.
    static let insertFragment = Statement(
        "media.insert-fragment",
        """
        INSERT INTO fragment (stream_id, sequence, server_ms, number_low, producer_ms, length_ms, size, flags, pack_id, parts, track_set,
            track_set_at)
        SELECT media_stream.id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT),
            CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($9 AS BIGINT), $10, $11, $12
        FROM media_stream JOIN \(incarnation)
        WHERE media_stream.id = $1 AND \(usable)
            AND (media_stream.owner_epoch <= CAST($13 AS BIGINT) OR CAST($3 AS BIGINT) < media_stream.owner_since AND (
                NOT EXISTS (SELECT 1 FROM fragment AS newer WHERE newer.stream_id = $1 AND newer.sequence > CAST($2 AS BIGINT))
                    AND coalesce((SELECT newer.last_sequence FROM extent AS newer WHERE newer.stream_id = $1
                        ORDER BY newer.first_sequence DESC LIMIT CAST(1 AS BIGINT)), 0) < CAST($2 AS BIGINT)
                OR EXISTS (SELECT 1 FROM fragment AS same WHERE same.stream_id = $1 AND same.sequence = CAST($2 AS BIGINT)
                    AND same.pack_id = CAST($9 AS BIGINT))))
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

    static let fragmentColumns = """
        stream_id, sequence, server_ms, number_low, producer_ms, length_ms, size, flags, pack_id, parts, track_set, track_set_at
        """

    static func fragment(_ row: inout Row) throws(DatabaseError) -> FragmentRow {
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

    static let extentColumns = """
        stream_id, first_sequence, last_sequence, first_server_ms, last_server_ms, min_producer_ms, max_producer_ms, producer_end_ms, fragments,
        bytes, gaps, gap_ms, pack_id, footer_at, footer_bytes
        """

    static func extent(_ row: inout Row) throws(DatabaseError) -> ExtentRow {
        ExtentRow(
            streamID: try row.integer(), firstSequence: try row.integer(), lastSequence: try row.integer(),
            firstServerTime: try row.integer(), lastServerTime: try row.integer(), minProducerTime: try row.integer(),
            maxProducerTime: try row.integer(),
            producerEnd: try row.integer(), fragments: try row.integer(), bytes: try row.integer(), gaps: try row.integer(),
            gapTime: try row.integer(), packID: try row.integer(), footerOffset: try row.integer(), footerLength: try row.integer())
    }

    /// At most $5 extents of the stream $1 with sequences after $2 and server times between $3 and $4, in order. Sequences and server times rise
    /// together, so that both ends of the range are found by an index; the lower ones are one bound, since SQLite begins its search at one alone.
    static let extents = Statement(
        "media.extents",
        """
        SELECT \(extentColumns) FROM extent
        WHERE stream_id = $1
            AND first_sequence >= (SELECT max(bound) FROM (
                SELECT coalesce((SELECT max(first_sequence) FROM extent
                    WHERE stream_id = $1 AND first_sequence <= CAST($2 AS BIGINT)), 0) AS bound
                UNION ALL SELECT coalesce((SELECT first_sequence FROM extent WHERE stream_id = $1 AND first_server_ms <= CAST($3 AS BIGINT)
                    ORDER BY first_server_ms DESC LIMIT CAST(1 AS BIGINT)), 0)) AS bounds)
            AND first_sequence <= coalesce((SELECT first_sequence FROM extent WHERE stream_id = $1 AND first_server_ms <= CAST($4 AS BIGINT)
                ORDER BY first_server_ms DESC LIMIT CAST(1 AS BIGINT)), -1)
            AND last_sequence > CAST($2 AS BIGINT) AND last_server_ms >= CAST($3 AS BIGINT)
        ORDER BY first_sequence LIMIT CAST($5 AS BIGINT)
        """,
        decode: extent)

    /// At most $7 extents of the stream $1 that may hold fragments of producer times from $2 to $3 and server times from $4 on, in the order of
    /// their least producer time and first sequence, after $5 and $6. No extent spans more than an hour of producer times. Its two lower bounds
    /// are one, as in `extents`.
    static let extentsByProducer = Statement(
        "media.extents-by-producer",
        """
        SELECT \(extentColumns) FROM extent
        WHERE stream_id = $1
            AND min_producer_ms >= CASE WHEN CAST($5 AS BIGINT) > CAST($2 AS BIGINT) - \(ExtentRow.longestSpan) THEN CAST($5 AS BIGINT)
                ELSE CAST($2 AS BIGINT) - \(ExtentRow.longestSpan) END
            AND min_producer_ms <= CAST($3 AS BIGINT)
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
}
