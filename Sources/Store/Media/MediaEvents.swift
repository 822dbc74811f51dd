public import SQL

/// The call that something follows from, as its events tell it.
public struct EventCause: Sendable, Hashable {
    /// The access key that signed it.
    public let keyID: String
    public let requestID: String

    public init(keyID: String, requestID: String) {
        self.keyID = keyID
        self.requestID = requestID
    }
}

/// What is told of a fragment that its producer tagged.
public struct FragmentNotice: Sendable {
    /// A JSON object, as topics get it.
    let message: String
    let cause: EventCause
    /// When it is told, in milliseconds since the epoch. With the fragment it names the event, so that a batch which is made again tells it once.
    let moment: Int64

    public init(message: String, cause: EventCause, moment: Int64) {
        self.message = message
        self.cause = cause
        self.moment = moment
    }
}

extension Batch {
    /// Tells of a fragment whoever is to be told, if the fragment is in the index: to be added behind the statement that puts it there.
    public mutating func notify(of streamID: Int64, sequence: Int64, _ notice: FragmentNotice) {
        let fragment: [SQLValue] = [.integer(streamID), .integer(sequence), .integer(notice.moment), .text(Token.random())]
        add(
            MediaEventStatements.insertNotice,
            fragment + [.text(notice.message), .text(notice.cause.keyID), .text(notice.cause.requestID)])
        add(MediaEventStatements.insertNoticeDeliveries, fragment)
        add(MediaEventStatements.enqueueNoticeDeliveries, fragment)
    }

    /// Tells of the first fragment of a stream, if this one is, and is in the index.
    public mutating func tellFirstFragment(_ sequence: Int64, of session: MediaSession, _ cause: EventCause) {
        let token = Token.random()
        add(MediaEventStatements.firstFragment, [.integer(session.streamID), .integer(sequence), .text(token)])
        tell(.firstFragmentPersisted, of: session.stream.key, status: "PERSISTED", token: token, cause)
    }

    /// Tells what the change `token` has done to the media of a stream.
    mutating func tell(_ event: EventName, of key: ResourceKey, status: String, token: String, _ cause: EventCause) {
        let changed = key.arguments + [.text(token)]
        add(
            MediaEventStatements.insertEvent,
            changed + [.text(event.rawValue), .text(status), .text(cause.keyID), .text(cause.requestID)])
        add(MediaEventStatements.insertDeliveries, changed + [.text(event.rawValue)])
        add(MediaEventStatements.enqueueDeliveries, changed)
    }
}

/// Statements that tell of media. Each stream has two subjects of its own for it, so that neither waits for the other, nor for what happens to the
/// stream: one for who sends, one for fragments.
enum MediaEventStatements {
    /// How many events of a subject may wait for a destination.
    static let limit = 10_000

    // MARK: Who sends

    /// Notes that the fragment $2 of the stream $1 is the first, under the change $3.
    static let firstFragment = Statement<Void>(
        "media.first-fragment",
        """
        UPDATE media_stream SET first_fragment_at = (SELECT server_ms FROM fragment WHERE stream_id = $1 AND sequence = CAST($2 AS BIGINT)),
            event_sequence = event_sequence + 1, changed_at = now_ms(), change_token = $3
        WHERE id = $1 AND first_fragment_at IS NULL
            AND EXISTS (SELECT 1 FROM fragment WHERE stream_id = $1 AND sequence = CAST($2 AS BIGINT))
        """)

    private static let changed = "account = $1 AND region = $2 AND name = $3 AND change_token = $4"

    static let insertEvent = Statement<Void>(
        "event.insert-for-media",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
        SELECT stream_arn || '\(EventSubject.sessions)', event_sequence, $5, account, region, $6, '', change_token, $7, $8, changed_at
        FROM media_stream WHERE \(changed)
        """)

    private static let sessions = """
        (SELECT media_stream.stream_arn || '\(EventSubject.sessions)' AS arn, media_stream.event_sequence, media_stream.changed_at,
            media_stream.account, media_stream.region, media_stream.name, media_stream.change_token,
            stream.notification_destination AS destination
        FROM media_stream LEFT JOIN \(MediaStatements.incarnation)) AS told
        """
    private static let told = "told.account = $1 AND told.region = $2 AND told.name = $3 AND told.change_token = $4"

    static let insertDeliveries = Statement<Void>(
        "delivery.insert-for-media",
        DeliveryTargets.insert(
            table: "told", source: sessions, condition: told, type: "$5", streams: "told.destination", limit: limit))
    static let enqueueDeliveries = Statement<Void>(
        "delivery.enqueue-for-media", DeliveryTargets.enqueue(table: "told", source: sessions, condition: told))

    // MARK: Fragments

    /// Tells $5 of the fragment $2 of the stream $1 at the moment $3, under the token $4: where anybody is to be told.
    static let insertNotice = Statement<Void>(
        "event.insert-for-fragment",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at, detail)
        SELECT media_stream.stream_arn || '\(EventSubject.fragments)', fragment.sequence, '\(type)', media_stream.account,
            media_stream.region, 'PERSISTED', '', CAST($4 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($3 AS BIGINT), CAST($5 AS TEXT)
        FROM fragment JOIN media_stream ON media_stream.id = fragment.stream_id JOIN \(MediaStatements.incarnation)
        WHERE fragment.stream_id = $1 AND fragment.sequence = CAST($2 AS BIGINT)
            AND (stream.fragment_destination IS NOT NULL OR EXISTS (SELECT 1 FROM destination WHERE destination.origin = 'SUBSCRIPTION'
                AND replace(destination.types, ',\(type),', '') <> destination.types))
        ON CONFLICT (occurred_at, resource_arn, sequence) DO NOTHING
        """)

    private static let type = EventName.fragmentPersisted.rawValue
    private static let notice = """
        (SELECT event.resource_arn AS arn, event.sequence AS event_sequence, event.occurred_at AS changed_at, event.account,
            event.change_token, stream.fragment_destination AS destination, media_stream.id AS stream_id
        FROM media_stream JOIN \(MediaStatements.incarnation)
            JOIN event ON event.resource_arn = media_stream.stream_arn || '\(EventSubject.fragments)') AS told
        """
    private static let isNotice = """
        told.stream_id = $1 AND told.event_sequence = CAST($2 AS BIGINT) AND told.changed_at = CAST($3 AS BIGINT) AND told.change_token = $4
        """

    static let insertNoticeDeliveries = Statement<Void>(
        "delivery.insert-for-fragment",
        DeliveryTargets.insert(
            table: "told", source: notice, condition: isNotice, type: "'\(type)'", streams: "told.destination", subscriptions: .naming,
            limit: limit))
    static let enqueueNoticeDeliveries = Statement<Void>(
        "delivery.enqueue-for-fragment", DeliveryTargets.enqueue(table: "told", source: notice, condition: isNotice))

    static let all: [StatementText] = [
        firstFragment.text, insertEvent.text, insertDeliveries.text, enqueueDeliveries.text, insertNotice.text, insertNoticeDeliveries.text,
        enqueueNoticeDeliveries.text,
    ]
}
