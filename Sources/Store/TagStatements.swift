import SQL

/// Statements on the tags of streams.
enum TagStatements {
    /// All tags of a stream, by name: at most 50, in the byte order of their keys. A stream without any gives one row of NULLs, none no row.
    static let list = Statement(
        "tag.list",
        """
        SELECT tag.key, tag.value, stream.status FROM stream LEFT JOIN tag ON tag.resource_arn = stream.arn
        WHERE stream.account = $1 AND stream.region = $2 AND stream.name = $3
            AND (CAST($4 AS BIGINT) IS NULL OR stream.creation_time = $4)
        ORDER BY tag.key
        """
    ) { row throws(DatabaseError) in
        (key: try row.optionalText(), value: try row.optionalText(), status: try row.text())
    }

    static let set = Statement<Void>(
        "tag.set",
        """
        INSERT INTO tag (resource_arn, key, value)
        SELECT arn, $5, $6 FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4
        ON CONFLICT (resource_arn, key) DO UPDATE SET value = excluded.value
        """)

    static let remove = Statement<Void>(
        "tag.remove",
        """
        DELETE FROM tag WHERE key = $5 AND resource_arn IN
            (SELECT arn FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4)
        """)

    static let all: [StatementText] = [list.text, set.text, remove.text]
}
