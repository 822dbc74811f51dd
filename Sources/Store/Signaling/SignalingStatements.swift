import SQL

/// Statements on presence and mailboxes. A channel is $1 to $4: account, region, name and time of creation.
///
/// Whoever connects, and whoever leaves a message, changes the channel's row first and so takes turns with the others of the channel: either
/// the message is there when its recipient connects, or the recipient is there when the message is left.
enum SignalingStatements {
    private static let channel = "account = $1 AND region = $2 AND name = $3 AND creation_time = CAST($4 AS BIGINT)"
    private static let here = "account = $1 AND region = $2 AND channel = $3 AND channel_creation_time = CAST($4 AS BIGINT)"

    /// Whether the instance of a row of `presence` can still be connected to somebody: $5 lives, since it asks.
    private static let isLive = """
        (presence.instance = $5 OR EXISTS (SELECT 1 FROM instance WHERE instance.id = presence.instance AND instance.status <> 'STOPPED'
            AND instance.heartbeat_at > (SELECT now_ms()) - \(InstanceRecord.lifetime)))
        """

    struct Turn: Sendable {
        let arn: String
        let sequence: Int64
        let messageTtlSeconds: Int64
        let storesMedia: Bool
    }

    /// Takes the next turn at a channel that is not DELETING. (SQLite 3.40 takes IS NULL in RETURNING for false where the column has a partial index.)
    static let turn = Statement(
        "channel.signaling-turn",
        """
        UPDATE channel SET signaling_sequence = signaling_sequence + 1 WHERE \(channel) AND status <> 'DELETING'
        RETURNING arn, signaling_sequence, message_ttl_seconds, media_storage_stream_arn
        """
    ) { row throws(DatabaseError) in
        Turn(
            arn: try row.text(), sequence: try row.integer(), messageTtlSeconds: try row.integer(),
            storesMedia: try row.optionalText() != nil)
    }

    /// Connects the client $6 over the instance $5 by the session $7, unless $8 other viewers are connected.
    static let connect = Statement(
        "presence.connect",
        """
        INSERT INTO presence (account, region, channel, channel_creation_time, client, instance, session, sequence, connected_at)
        SELECT account, region, name, creation_time, $6, $5, $7, signaling_sequence, now_ms() FROM channel
        WHERE \(channel) AND status <> 'DELETING' AND ($6 = '' OR (
            SELECT count(*) FROM presence WHERE \(here) AND client <> '' AND substr(client, 1, 4) <> 'AWS_'
            AND client <> $6 AND \(isLive)) < CAST($8 AS BIGINT))
        ON CONFLICT (account, region, channel, client) DO UPDATE SET channel_creation_time = excluded.channel_creation_time,
            instance = excluded.instance, session = excluded.session, sequence = excluded.sequence, connected_at = excluded.connected_at
        RETURNING sequence
        """
    ) { row throws(DatabaseError) in try row.integer() }

    /// Where the client $6 is connected; $5 asks.
    static let place = Statement(
        "presence.place", "SELECT instance, session FROM presence WHERE \(here) AND client = $6 AND \(isLive)"
    ) { row throws(DatabaseError) in Place(instance: try row.text(), session: try row.text()) }

    /// What waited for longer than its channel keeps messages is removed about once a minute, and counts for nothing before.
    private static let stillWaits = "expires_at > (SELECT now_ms())"
    private static let waitingColumns =
        "sequence, sender, kind, payload, CAST(CASE WHEN \(stillWaits) THEN 1 ELSE 0 END AS BIGINT)"

    /// Nil where it waited for too long.
    private static func waiting(_ row: inout Row) throws(DatabaseError) -> MailboxRecord? {
        let record = MailboxRecord(
            sequence: try row.integer(), sender: try row.text(), kind: try row.text(), payload: try row.text())
        return try row.integer() == 1 ? record : nil
    }

    /// Takes what waits for the client $5, if it is connected by the session $6.
    static let take = Statement(
        "mailbox.take",
        """
        DELETE FROM mailbox WHERE \(here) AND client = $5 AND EXISTS (
            SELECT 1 FROM presence WHERE \(here) AND client = $5 AND session = $6)
        RETURNING \(waitingColumns)
        """,
        decode: waiting)

    /// The clients connected over the instance $1 that something waits for.
    static let waitingAtInstance = Statement(
        "mailbox.waiting-at-instance",
        """
        SELECT DISTINCT presence.session FROM mailbox JOIN presence ON presence.account = mailbox.account AND presence.region = mailbox.region
            AND presence.channel = mailbox.channel AND presence.client = mailbox.client AND presence.instance = mailbox.instance
        WHERE mailbox.instance = $1
        """
    ) { row throws(DatabaseError) in try row.text() }

    /// Forgets what the sender $6 left for the client $5: everything where $7 is an offer, since that begins anew; else what is of the kind $7.
    static let supersede = Statement<Void>(
        "mailbox.supersede",
        """
        DELETE FROM mailbox WHERE \(here) AND client = $5 AND sender = $6 AND $7 <> 'ICE_CANDIDATE' AND ($7 = 'SDP_OFFER' OR kind = $7)
        """)

    /// Leaves a message for the client $6, unless too much waits. Tells the instance by which the client is connected, if it is; $5 asks.
    static let keep = Statement(
        "mailbox.keep",
        """
        INSERT INTO mailbox (account, region, channel, channel_creation_time, client, sequence, sender, kind, payload, expires_at, instance)
        SELECT account, region, name, creation_time, $6, signaling_sequence, $7, $8, $9, now_ms() + message_ttl_seconds * 1000,
            (SELECT instance FROM presence WHERE \(here) AND client = $6 AND \(isLive))
        FROM channel
        WHERE \(channel) AND status <> 'DELETING'
            AND (SELECT count(*) FROM mailbox WHERE \(here) AND client = $6 AND sender = $7 AND \(stillWaits)) < \(perPair)
            AND (SELECT coalesce(sum(length(payload)), 0) FROM mailbox WHERE \(here) AND \(stillWaits)) < \(perChannel)
        RETURNING instance
        """
    ) { row throws(DatabaseError) in try row.optionalText() }

    /// Messages of one sender that may wait for one recipient.
    static let perPair = 50
    /// Characters of messages that may wait in a channel.
    static let perChannel = 1 << 20

    /// Counts an event of the channel, under the change token $7, if the client $5 is connected by the session $6.
    static let countEvent = Statement<Void>(
        "channel.count-connection",
        """
        UPDATE channel SET change_token = $7, event_sequence = event_sequence + 1, changed_at = now_ms()
        WHERE \(channel) AND EXISTS (SELECT 1 FROM presence WHERE \(here) AND client = $5 AND session = $6)
        """)

    static let disconnect = Statement<Void>(
        "presence.disconnect", "DELETE FROM presence WHERE \(here) AND client = $5 AND session = $6")

    /// Every connection over the instance $1, with what its channel is now.
    static let ofInstance = Statement(
        "presence.of-instance",
        """
        SELECT presence.account, presence.region, presence.channel, presence.channel_creation_time, presence.client, presence.session,
            CAST(CASE WHEN channel.status IS NULL THEN 0 ELSE 1 END AS BIGINT), channel.media_storage_stream_arn
        FROM presence LEFT JOIN channel ON channel.account = presence.account AND channel.region = presence.region
            AND channel.name = presence.channel AND channel.creation_time = presence.channel_creation_time AND channel.status <> 'DELETING'
        WHERE presence.instance = $1
        """
    ) { row throws(DatabaseError) in
        let channel = ResourceKey(
            .channel, account: try row.text(), region: try row.text(), name: try row.text(), creationTime: try row.integer())
        return (
            Presence(channel: channel, client: try row.text(), session: try row.text()), isWanted: try row.integer() == 1,
            storesMedia: try row.optionalText() != nil
        )
    }

    /// Every connection to the channel, for whoever looks: $5 is no instance.
    static let ofChannel = Statement(
        "presence.of-channel",
        "SELECT client, instance, session, connected_at FROM presence WHERE \(here) AND \(isLive) ORDER BY client"
    ) { row throws(DatabaseError) in
        PresenceRecord(
            client: try row.text(), instance: try row.text(), session: try row.text(), connectedAt: try row.integer())
    }

    /// How many masters and viewers are connected, over whatever instance.
    static let counts = Statement(
        "presence.counts",
        """
        SELECT CAST(coalesce(sum(CASE WHEN client = '' THEN 1 ELSE 0 END), 0) AS BIGINT),
            CAST(coalesce(sum(CASE WHEN client = '' THEN 0 ELSE 1 END), 0) AS BIGINT)
        FROM presence
        """
    ) { row throws(DatabaseError) in (masters: try row.integer(), viewers: try row.integer()) }

    static let removeOfInstance = Statement<Void>("presence.remove-of-instance", "DELETE FROM presence WHERE instance = $1")

    /// Messages that waited for too long, at most $2; $1 is the age past it.
    static let removeExpired = Statement(
        "mailbox.remove-expired",
        """
        DELETE FROM mailbox WHERE (account, region, channel, client, sequence) IN (
            SELECT account, region, channel, client, sequence FROM mailbox
            WHERE expires_at < (SELECT now_ms()) - CAST($1 AS BIGINT) ORDER BY expires_at LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """
    ) { row throws(DatabaseError) in try row.integer() }

    /// Over instances that have said nothing for $1 milliseconds.
    private static let isLost = """
        instance IN (SELECT DISTINCT instance FROM presence
            WHERE NOT EXISTS (SELECT 1 FROM instance WHERE instance.id = presence.instance AND instance.status <> 'STOPPED'
                AND instance.heartbeat_at > (SELECT now_ms()) - CAST($1 AS BIGINT)))
        """

    /// At most $3 connections of masters, or of all clients if $2 is 1, over instances that are gone.
    static let lost = Statement(
        "presence.lost",
        """
        SELECT account, region, channel, channel_creation_time, client, session FROM presence
        WHERE \(isLost) AND (client = '' OR CAST($2 AS BIGINT) = 1) LIMIT CAST($3 AS BIGINT)
        """
    ) { row throws(DatabaseError) in
        let channel = ResourceKey(
            .channel, account: try row.text(), region: try row.text(), name: try row.text(), creationTime: try row.integer())
        return Presence(channel: channel, client: try row.text(), session: try row.text())
    }

    /// Connections over instances that are gone.
    static let removeLost = Statement<Void>("presence.remove-lost", "DELETE FROM presence WHERE \(isLost)")

    static let all: [StatementText] = [
        turn.text, connect.text, place.text, take.text, waitingAtInstance.text, supersede.text, keep.text, countEvent.text, disconnect.text,
        ofInstance.text,
        ofChannel.text, counts.text, removeOfInstance.text, removeExpired.text, lost.text, removeLost.text,
    ]
}
