import SQL

/// The statements that streams and channels have in common, on the table of one of them. Those on one resource take its account, region and
/// name as $1 to $3, so that they use the primary key, and depend on the guarded statement before them through the change token as $4.
final class ResourceStatements: Sendable {
    /// Status, version and retention, in whatever status.
    let state: Statement<ResourceState>
    /// Locks the resource until the batch ends, without changing it.
    let lock: Statement<Void>
    /// Counts a new resource against the quota, $4, and leaves the change's token, $3, if there was room. Locks the account's row in the region.
    let count: Statement<Void>
    /// Accepts the deletion of an ACTIVE resource that no mapping holds and that has the version $6; where $6 is NULL, any version. The batch has
    /// locked the resource, and a mapping is made under the same lock.
    let delete: Statement<String>
    /// Accepts a change of the tags of a resource that is not DELETING, and locks it until they are changed.
    let touch: Statement<String>
    /// Counts the tags anew; the constraint `stream_tag_limit` or `channel_tag_limit` refuses more than 50.
    let recountTags: Statement<Void>
    /// The ARN, if the change $4 is among the events of the last minute: recognises a commit whose answer was lost. No batch takes a minute.
    let changed: Statement<String>
    /// Ends CREATING and UPDATING for every resource whose task is leased under $1, and leaves the token $2 in each.
    let activateLeased: Statement<String>
    /// Keeps the activations under the lease $1 from being claimed by others until they are finished: between two statements of a batch,
    /// a lease that has ended could be taken over.
    let lockActivations: Statement<Void>
    /// Ends every task of activation under the lease $1: its resource is ACTIVE by now, or another worker has made it so.
    let removeActivations: Statement<Void>
    /// Marks a DELETING resource whose task is leased under $6 as the one to be removed.
    let claimRemoval: Statement<String>
    /// Takes the removed resource off the count, and keeps its creation time from being used again.
    let uncount: Statement<Void>
    let remove: Statement<Void>

    /// All tags, by name: at most 50, in the byte order of their keys. A resource without any gives one row of NULLs, none no row.
    let tags: Statement<TagRow>
    let setTag: Statement<Void>
    let removeTag: Statement<Void>
    let removeTags: Statement<Void>

    /// One event of the resource in its present state, or in the status $8 where that is given. That of a creation tells by what call, $9 and $10.
    let insertEvent: Statement<Void>
    /// One event for each resource that was activated under the lease $1 with the token $2.
    let insertActivationEvents: Statement<Void>
    /// A delivery of the event of the type $5 to each destination that is to be told.
    let insertDeliveries: Statement<Void>
    let enqueueDeliveries: Statement<Void>
    /// The same for the resources that were activated under the lease $1 with the token $2.
    let insertActivationDeliveries: Statement<Void>
    let enqueueActivationDeliveries: Statement<Void>
    /// Asks for work of the kind $5, due $8 milliseconds from now.
    let insertTask: Statement<Void>
    /// Keeps the answer of a call, so that a client that lost it gets the same one again.
    let insertMutation: Statement<Void>
    /// Keeps the answer of the call that created a resource less than $5 milliseconds ago and that is about to go with what tells of it.
    let insertCreation: Statement<Void>
    /// The answer of a call that is kept, or that created the resource which is there now, less than $8 milliseconds ago.
    let findAnswer: Statement<String>

    /// A row of the list of tags.
    struct TagRow: Sendable {
        let key: String?
        let value: String?
        let status: ResourceStatus
    }

    static let stream = ResourceStatements(
        .stream, retention: "data_retention_in_hours",
        mapping: "EXISTS (SELECT 1 FROM channel WHERE channel.media_storage_stream_arn = stream.arn)")
    static let channel = ResourceStatements(
        .channel, retention: "CAST(0 AS BIGINT)", mapping: "channel.media_storage_stream_arn IS NOT NULL")

    /// Locks the account's row in the region: creating and removing take turns here, and always lock it before a resource.
    static let lockUsage = Statement<Void>(
        "usage.lock", "SELECT stream_count FROM account_usage WHERE account = $1 AND region = $2 /*postgres FOR UPDATE */")

    /// How much accounts have, by account and region after ($1, $2): at most $3 rows, in the order of the primary key.
    static let usage = Statement(
        "usage.list",
        """
        SELECT account, region, stream_count, channel_count FROM account_usage WHERE (account, region) > ($1, $2)
        ORDER BY account, region LIMIT CAST($3 AS BIGINT)
        """
    ) { row throws(DatabaseError) in
        AccountUsage(account: try row.text(), region: try row.text(), streams: try row.integer(), channels: try row.integer())
    }

    var all: [StatementText] {
        [
            state.text, lock.text, count.text, delete.text, touch.text, recountTags.text, changed.text, activateLeased.text,
            lockActivations.text, removeActivations.text, claimRemoval.text, uncount.text, remove.text, tags.text, setTag.text,
            removeTag.text, removeTags.text, insertEvent.text, insertActivationEvents.text, insertDeliveries.text, enqueueDeliveries.text,
            insertActivationDeliveries.text, enqueueActivationDeliveries.text, insertTask.text, insertMutation.text, insertCreation.text,
            findAnswer.text,
        ]
    }

    private static func arn(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    private init(_ kind: ResourceKind, retention: String, mapping: String) {
        let table = kind.rawValue
        let event = kind.statusChangeEvent.rawValue
        let one = "account = $1 AND region = $2 AND name = $3"
        let incarnation = "\(one) AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)"
        let changed = "\(one) AND change_token = $4"

        state = Statement(
            "\(table).state",
            """
            SELECT arn, status, version, \(retention), CAST(CASE WHEN \(mapping) THEN 1 ELSE 0 END AS BIGINT) FROM \(table)
            WHERE \(one) AND (CAST($4 AS BIGINT) IS NULL OR creation_time = $4)
            """
        ) { row throws(DatabaseError) in
            ResourceState(
                arn: try row.text(), status: try row.value(), version: try row.text(), dataRetentionInHours: try row.integer(),
                isMapped: try row.integer() == 1)
        }
        lock = Statement("\(table).lock", "SELECT arn FROM \(table) WHERE \(one) /*postgres FOR UPDATE */")
        let first =
            switch kind {
            case .stream: "1, 0"
            case .channel: "0, 1"
            }
        count = Statement(
            "\(table).count",
            """
            INSERT INTO account_usage (account, region, stream_count, channel_count, last_deleted_creation_time, change_token)
            VALUES ($1, $2, \(first), 0, $3)
            ON CONFLICT (account, region) DO UPDATE SET \(table)_count = account_usage.\(table)_count + 1,
                change_token = excluded.change_token
            WHERE account_usage.\(table)_count < CAST($4 AS BIGINT)
            """)
        delete = Statement(
            "\(table).delete",
            """
            UPDATE \(table) SET status = 'DELETING', change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms()
            WHERE \(incarnation) AND status = 'ACTIVE' AND (CAST($6 AS TEXT) IS NULL OR version = $6)
                AND NOT (\(mapping))
            RETURNING arn
            """,
            decode: Self.arn)
        touch = Statement(
            "\(table).touch",
            """
            UPDATE \(table) SET change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms()
            WHERE \(incarnation) AND status <> 'DELETING'
            RETURNING arn
            """,
            decode: Self.arn)
        recountTags = Statement(
            "\(table).recount-tags",
            """
            UPDATE \(table) SET tag_count = (SELECT count(*) FROM tag WHERE tag.resource_arn = \(table).arn) WHERE \(changed)
            """)
        self.changed = Statement(
            "\(table).changed",
            """
            SELECT \(table).arn FROM event JOIN \(table) ON \(table).arn = event.resource_arn
            WHERE event.occurred_at >= (SELECT now_ms()) - 60000 AND event.change_token = $4
                AND \(table).account = $1 AND \(table).region = $2 AND \(table).name = $3
            """,
            decode: Self.arn)
        activateLeased = Statement(
            "\(table).activate-leased",
            """
            UPDATE \(table) SET status = 'ACTIVE', change_token = $2, event_sequence = \(table).event_sequence + 1, changed_at = now_ms()
            FROM task
            WHERE task.lease_token = $1 AND task.kind = 'activate-\(table)'
                AND \(table).account = task.account AND \(table).region = task.region AND \(table).name = task.name
                AND \(table).arn = task.resource_arn AND \(table).status IN ('CREATING', 'UPDATING')
            RETURNING \(table).arn
            """,
            decode: Self.arn)
        lockActivations = Statement(
            "task.lock-\(table)-activations",
            "SELECT resource_arn FROM task WHERE lease_token = $1 AND kind = 'activate-\(table)' /*postgres FOR UPDATE */")
        removeActivations = Statement(
            "task.remove-\(table)-activations", "DELETE FROM task WHERE lease_token = $1 AND kind = 'activate-\(table)'")
        claimRemoval = Statement(
            "\(table).claim-removal",
            """
            UPDATE \(table) SET change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms()
            WHERE \(one) AND arn = $5 AND status = 'DELETING'
                AND EXISTS (SELECT 1 FROM task WHERE task.resource_arn = $5 AND task.kind = 'remove-\(table)' AND task.lease_token = $6)
            RETURNING arn
            """,
            decode: Self.arn)
        uncount = Statement(
            "\(table).uncount",
            """
            UPDATE account_usage SET \(table)_count = \(table)_count - 1,
                last_deleted_creation_time = CASE WHEN removed.creation_time > last_deleted_creation_time THEN removed.creation_time
                    ELSE last_deleted_creation_time END
            FROM (SELECT account, region, creation_time FROM \(table) WHERE \(changed)) AS removed
            WHERE account_usage.account = removed.account AND account_usage.region = removed.region
            """)
        remove = Statement("\(table).remove", "DELETE FROM \(table) WHERE \(changed)")

        tags = Statement(
            "tag.list-of-\(table)",
            """
            SELECT tag.key, tag.value, \(table).status FROM \(table) LEFT JOIN tag ON tag.resource_arn = \(table).arn
            WHERE \(table).account = $1 AND \(table).region = $2 AND \(table).name = $3
                AND (CAST($4 AS BIGINT) IS NULL OR \(table).creation_time = $4)
            ORDER BY tag.key
            """
        ) { row throws(DatabaseError) in
            TagRow(key: try row.optionalText(), value: try row.optionalText(), status: try row.value())
        }
        setTag = Statement(
            "tag.set-on-\(table)",
            """
            INSERT INTO tag (resource_arn, key, value)
            SELECT arn, $5, $6 FROM \(table) WHERE \(changed)
            ON CONFLICT (resource_arn, key) DO UPDATE SET value = excluded.value
            """)
        removeTag = Statement(
            "tag.remove-from-\(table)",
            "DELETE FROM tag WHERE key = $5 AND resource_arn IN (SELECT arn FROM \(table) WHERE \(changed))")
        removeTags = Statement(
            "tag.remove-all-of-\(table)", "DELETE FROM tag WHERE resource_arn IN (SELECT arn FROM \(table) WHERE \(changed))")

        let activatedOnes = """
            task JOIN \(table) ON \(table).account = task.account AND \(table).region = task.region AND \(table).name = task.name
                AND \(table).arn = task.resource_arn
            """
        let activated = "task.lease_token = $1 AND task.kind = 'activate-\(table)' AND \(table).change_token = $2"
        insertEvent = Statement(
            "event.insert-for-\(table)",
            """
            INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at,
                invocation_id, body_hash)
            SELECT arn, event_sequence, $5, account, region, coalesce($8, status), version, change_token, $6, $7, changed_at, $9, $10
            FROM \(table) WHERE \(changed)
            """)
        insertActivationEvents = Statement(
            "event.insert-for-activated-\(table)",
            """
            INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
            SELECT \(table).arn, \(table).event_sequence, '\(event)', \(table).account, \(table).region, \(table).status, \(table).version,
                \(table).change_token, task.key_id, task.request_id, \(table).changed_at
            FROM \(activatedOnes) WHERE \(activated)
            """)
        let told = "\(table).account = $1 AND \(table).region = $2 AND \(table).name = $3 AND \(table).change_token = $4"
        let streams = table == "stream" ? "stream.notification_destination" : nil
        insertDeliveries = Statement(
            "delivery.insert-for-\(table)", DeliveryTargets.insert(table: table, condition: told, type: "$5", streams: streams))
        enqueueDeliveries = Statement(
            "delivery.enqueue-for-\(table)", DeliveryTargets.enqueue(table: table, condition: told))
        insertActivationDeliveries = Statement(
            "delivery.insert-for-activated-\(table)",
            DeliveryTargets.insert(
                table: table, source: activatedOnes, condition: activated, type: "'\(event)'", streams: streams))
        enqueueActivationDeliveries = Statement(
            "delivery.enqueue-for-activated-\(table)",
            DeliveryTargets.enqueue(table: table, source: activatedOnes, condition: activated))
        insertTask = Statement(
            "task.insert-for-\(table)",
            """
            INSERT INTO task (resource_arn, kind, account, region, name, key_id, request_id, created_at, available_at, attempt, lease_token)
            SELECT arn, $5, account, region, name, $6, $7, now_ms(), now_ms() + CAST($8 AS BIGINT), 0, NULL FROM \(table) WHERE \(changed)
            """)
        insertMutation = Statement(
            "mutation.insert-for-\(table)",
            """
            INSERT INTO answered_mutation (key_id, invocation_id, operation, body_hash, answer, answered_at)
            SELECT $5, $6, $7, $8, arn, now_ms() FROM \(table) WHERE \(changed)
            """)
        // The resource and, under its primary key, the event that tells of its creation.
        let creation = """
            \(table) JOIN event ON event.occurred_at = \(table).creation_time AND event.resource_arn = \(table).arn AND event.sequence = 1
            """
        insertCreation = Statement(
            "mutation.insert-creation-of-\(table)",
            """
            INSERT INTO answered_mutation (key_id, invocation_id, operation, body_hash, answer, answered_at)
            SELECT event.key_id, event.invocation_id, event.type, event.body_hash, \(table).arn, event.occurred_at FROM \(creation)
            WHERE \(told) AND event.invocation_id IS NOT NULL AND event.occurred_at >= (SELECT now_ms()) - CAST($5 AS BIGINT)
            """)
        findAnswer = Statement(
            "mutation.find-for-\(table)",
            """
            SELECT answer FROM answered_mutation WHERE key_id = $4 AND invocation_id = $5 AND operation = $6 AND body_hash = $7
            UNION ALL
            SELECT \(table).arn FROM \(creation)
            WHERE \(table).account = $1 AND \(table).region = $2 AND \(table).name = $3
                AND event.key_id = $4 AND event.invocation_id = $5 AND event.type = $6 AND event.body_hash = $7
                AND event.occurred_at >= (SELECT now_ms()) - CAST($8 AS BIGINT)
            """,
            decode: Self.arn)
    }
}

extension ResourceKind {
    var statements: ResourceStatements {
        switch self {
        case .stream: .stream
        case .channel: .channel
        }
    }

    /// The type of the events that tell of a status reached without a call.
    public var statusChangeEvent: EventName {
        switch self {
        case .stream: .streamStatusChange
        case .channel: .channelStatusChange
        }
    }
}
