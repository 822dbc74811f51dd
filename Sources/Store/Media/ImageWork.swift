public import SQL

/// A fragment of which images are to be made, as it is put in the index.
public struct ImageOrder: Sendable {
    /// When the first is due, in milliseconds from the fragment's start; below zero, but by less than the interval, where it was due before.
    let first: Int64
    /// Milliseconds, above zero.
    let interval: Int64
    /// The fragment's other tags: a JSON object.
    let tags: String
    let cause: EventCause

    public init(first: Int64, interval: Int64, tags: String, cause: EventCause) {
        self.first = first
        self.interval = interval
        self.tags = tags
        self.cause = cause
    }
}

/// Images that are to be made of a fragment, and that somebody has claimed to make.
public struct ImageWork: Sendable, Hashable {
    public let streamID: Int64
    /// With the two after it, the fragment's number.
    public let sequence: Int64
    public let serverTime: Int64
    public let numberLow: Int64
    /// As in `ImageOrder`.
    public let first: Int64
    public let interval: Int64
    public let tags: String
    let cause: EventCause
    /// How often it was claimed, this time included.
    public let attempt: Int64
    /// Milliseconds since the fragment was stored.
    public let age: Int64
    let leaseToken: String
}

/// The images of all fragments that wait.
public struct ImageBacklog: Sendable, Hashable {
    public let count: Int64
    /// Milliseconds since the oldest was stored; zero where none waits.
    public let oldestAge: Int64
}

/// How the work on the images of a fragment ended.
public enum ImageOutcome: Sendable {
    /// All that could be made are where they belong. The event, in JSON, tells which.
    case stored(event: String)
    /// Some, or all, could not be made or stored: a reason in capitals.
    case failed(reason: String)
    /// Nothing is to be made of it any more.
    case unwanted
}

extension Batch {
    /// Orders images of a fragment, if the fragment is in the index: to be added behind the statement that puts it there.
    public mutating func orderImages(of streamID: Int64, sequence: Int64, _ order: ImageOrder) {
        add(
            ImageWorkStatements.order,
            [
                .integer(streamID), .integer(sequence), .integer(order.first), .integer(order.interval), .text(order.tags),
                .text(order.cause.keyID), .text(order.cause.requestID),
            ])
    }
}

extension Store {
    /// Milliseconds until images are due of fragments in a folder or store of media; zero or less where some are, nil where none wait.
    public func nextImagesDue(storeID: String) async throws(DatabaseError) -> Int64? {
        try await database.read(ImageWorkStatements.nextDue, [.text(storeID)]).first
    }

    /// Claims the images of at most `limit` fragments that are due, for `lease` milliseconds. A lease saves work and is not needed for
    /// correctness: images have names that follow from what they show.
    ///
    /// What is due in more than `longestWait` milliseconds was put off by a clock that was ahead, and counts as due.
    public func claimImages(storeID: String, lease: Int64, longestWait: Int64, limit: Int) async throws(DatabaseError) -> [ImageWork] {
        var batch = Batch()
        let claimed = batch.add(
            ImageWorkStatements.claim,
            [.text(storeID), .text(Token.random()), .integer(lease), .integer(longestWait), .integer(Int64(limit))])
        return try await write(batch).rows(claimed)
    }

    /// Makes the lease last `lease` milliseconds from now, if it is still the one that counts.
    public func renew(_ work: ImageWork, lease: Int64) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(ImageWorkStatements.renew, work.arguments + [.integer(lease)])
        _ = try await write(batch)
    }

    /// Puts the images off for `wait` milliseconds. Does nothing where another has claimed them since.
    ///
    /// - Parameter failure: Why, for operators.
    public func postpone(_ work: ImageWork, for wait: Int64, _ failure: String) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(ImageWorkStatements.postpone, work.arguments + [.integer(wait), .text(failure)])
        _ = try await write(batch)
    }

    /// Ends the work on the images of a fragment, and tells so: images to subscriptions that name the event, failures at most once an hour for each
    /// stream. Does nothing where another has claimed them since; returns whether it did something.
    ///
    /// - Parameter time: Now, in milliseconds since the epoch.
    public func finish(
        _ work: ImageWork, of stream: StoredStream?, _ outcome: ImageOutcome, at time: Int64
    ) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let token = Token.random()
        switch outcome {
        case .unwanted: break
        case .stored(let event):
            let told: [SQLValue] = [.integer(work.streamID), .integer(work.sequence), .integer(time), .text(token)]
            batch.add(
                ImageWorkStatements.insertEvent,
                told + [.text(event), .text(work.cause.keyID), .text(work.cause.requestID), .text(work.leaseToken)])
            batch.add(ImageWorkStatements.insertDeliveries, told)
            batch.add(ImageWorkStatements.enqueueDeliveries, told)
        case .failed(let reason):
            guard let stream else { break }
            batch.add(ImageWorkStatements.tellFailure, work.arguments + [.text(token)])
            batch.tell(.imageGenerationFailed, of: stream.key, status: reason, token: token, work.cause)
        }
        let finished = batch.add(ImageWorkStatements.finish, work.arguments)
        return try await !write(batch).rows(finished).isEmpty
    }

    /// The stream of this id, if it takes and gives media.
    public func mediaStream(ofID id: Int64) async throws(DatabaseError) -> StoredStream? {
        try await database.read(MediaStatements.findStreamOfID, [.integer(id)]).first
    }

    /// Forgets at most `limit` fragments that have waited for more than `age` milliseconds, whoever should have made their images; how many.
    public func removeImages(olderThan age: Int64, limit: Int) async throws(DatabaseError) -> Int {
        try await removeOld(ImageWorkStatements.removeOld, age, limit)
    }

    /// How many fragments wait for their images to be made, of the first `limit`, and the age of the oldest.
    public func imageBacklog(limit: Int64) async throws(DatabaseError) -> ImageBacklog {
        try await database.read(ImageWorkStatements.backlog, [.integer(limit)]).first ?? ImageBacklog(count: 0, oldestAge: 0)
    }
}

extension ImageWork {
    /// What names it, while the lease counts.
    fileprivate var arguments: [SQLValue] { [.integer(streamID), .integer(sequence), .text(leaseToken)] }
}

/// Statements on images that are to be made of fragments.
enum ImageWorkStatements {
    private static func integer(_ row: inout Row) throws(DatabaseError) -> Int64 { try row.integer() }

    /// How many fragments of a stream may wait for their images: a destination that is away must not fill the database.
    private static let limit = 10_000

    /// Orders images of the fragment $2 of the stream $1, if it is in the index, and the stream has room. That they are ordered already is as good.
    static let order = Statement<Void>(
        "image.order",
        """
        INSERT INTO image_work (stream_id, sequence, server_ms, number_low, store_id, first_ms, interval_ms, tags, key_id, request_id, created_at,
            available_at, attempt)
        SELECT fragment.stream_id, fragment.sequence, fragment.server_ms, fragment.number_low, pack.store_id, CAST($3 AS BIGINT),
            CAST($4 AS BIGINT), $5, $6, $7, now_ms(), now_ms(), 0
        FROM fragment JOIN pack ON pack.id = fragment.pack_id WHERE fragment.stream_id = $1 AND fragment.sequence = CAST($2 AS BIGINT)
            AND (SELECT waiting.sequence FROM image_work AS waiting WHERE waiting.stream_id = $1 ORDER BY waiting.sequence
                LIMIT 1 OFFSET \(limit - 1)) IS NULL
        ON CONFLICT (stream_id, sequence) DO NOTHING
        """)

    static let nextDue = Statement(
        "image.next-due",
        "SELECT available_at - now_ms() FROM image_work WHERE store_id = $1 ORDER BY available_at LIMIT CAST(1 AS BIGINT)", decode: integer)

    /// Claims, under the lease $2 for $3 milliseconds, at most $5 of the folder or store $1 that are due, and at most $5 that are due in more than
    /// $4 milliseconds.
    static let claim = Statement(
        "image.claim",
        """
        WITH due AS MATERIALIZED (
            SELECT stream_id, sequence FROM image_work WHERE store_id = $1 AND available_at <= (SELECT now_ms())
            ORDER BY available_at LIMIT CAST($5 AS BIGINT)
            /*postgres FOR UPDATE SKIP LOCKED */
        ), ahead AS MATERIALIZED (
            SELECT stream_id, sequence FROM image_work WHERE store_id = $1 AND available_at > (SELECT now_ms()) + CAST($4 AS BIGINT)
            ORDER BY available_at LIMIT CAST($5 AS BIGINT)
            /*postgres FOR UPDATE SKIP LOCKED */
        ), wanted AS MATERIALIZED (SELECT * FROM due UNION ALL SELECT * FROM ahead)
        UPDATE image_work SET lease_token = $2, available_at = now_ms() + CAST($3 AS BIGINT), attempt = image_work.attempt + 1
        FROM wanted WHERE image_work.stream_id = wanted.stream_id AND image_work.sequence = wanted.sequence
        RETURNING image_work.stream_id, image_work.sequence, image_work.server_ms, image_work.number_low, image_work.first_ms,
            image_work.interval_ms, image_work.tags, image_work.key_id, image_work.request_id, image_work.attempt,
            now_ms() - image_work.created_at, image_work.lease_token
        """
    ) { row throws(DatabaseError) in
        ImageWork(
            streamID: try row.integer(), sequence: try row.integer(), serverTime: try row.integer(), numberLow: try row.integer(),
            first: try row.integer(), interval: try row.integer(), tags: try row.text(),
            cause: EventCause(keyID: try row.text(), requestID: try row.text()), attempt: try row.integer(), age: try row.integer(),
            leaseToken: try row.text())
    }

    private static let isLeased = "stream_id = $1 AND sequence = CAST($2 AS BIGINT) AND lease_token = $3"

    static let renew = Statement<Void>(
        "image.renew", "UPDATE image_work SET available_at = now_ms() + CAST($4 AS BIGINT) WHERE \(isLeased)")

    static let postpone = Statement<Void>(
        "image.postpone",
        "UPDATE image_work SET available_at = now_ms() + CAST($4 AS BIGINT), lease_token = NULL, failure = $5 WHERE \(isLeased)")

    static let finish = Statement("image.finish", "DELETE FROM image_work WHERE \(isLeased) RETURNING sequence", decode: integer)

    static let backlog = Statement(
        "image.backlog",
        """
        SELECT count(*), (SELECT now_ms()) - min(created_at)
        FROM (SELECT created_at FROM image_work ORDER BY created_at LIMIT CAST($1 AS BIGINT)) AS waiting
        """
    ) { row throws(DatabaseError) in ImageBacklog(count: try row.integer(), oldestAge: try row.optionalInteger() ?? 0) }

    /// Removes at most $2 that have waited for more than $1 milliseconds, in whatever folder or store of media they are.
    static let removeOld = Statement(
        "image.remove-old",
        """
        DELETE FROM image_work WHERE (stream_id, sequence) IN (
            SELECT stream_id, sequence FROM image_work WHERE created_at < (SELECT now_ms()) - CAST($1 AS BIGINT)
            ORDER BY created_at LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """,
        decode: integer)

    /// Removes at most $2 of the stream $1, which is DELETING.
    static let removeOfStream = Statement(
        "image.remove-of-stream",
        """
        DELETE FROM image_work WHERE (stream_id, sequence) IN (
            SELECT stream_id, sequence FROM image_work WHERE stream_id = \(MediaStatements.deleted) ORDER BY sequence LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """,
        decode: integer)

    // MARK: Events

    /// Notes under the change $4 that images of the stream have failed, if that was not told within the hour.
    static let tellFailure = Statement<Void>(
        "image.tell-failure",
        """
        UPDATE media_stream SET images_failed_at = now_ms(), event_sequence = event_sequence + 1, changed_at = now_ms(), change_token = $4
        WHERE id = $1 AND (images_failed_at IS NULL OR images_failed_at NOT BETWEEN (SELECT now_ms()) - 3600000 AND (SELECT now_ms()))
            AND EXISTS (SELECT 1 FROM image_work WHERE \(isLeased))
        """)

    private static let type = EventName.imagesGenerated.rawValue

    /// Tells $5 of the images of the fragment $2 of the stream $1, which the lease $8 made, at the moment $3 under the token $4: where anybody is to
    /// be told.
    static let insertEvent = Statement<Void>(
        "event.insert-for-images",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at, detail)
        SELECT media_stream.stream_arn || '\(EventSubject.images)', image_work.sequence, '\(type)', media_stream.account,
            media_stream.region, 'STORED', '', CAST($4 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($3 AS BIGINT), CAST($5 AS TEXT)
        FROM image_work JOIN media_stream ON media_stream.id = image_work.stream_id
        WHERE image_work.stream_id = $1 AND image_work.sequence = CAST($2 AS BIGINT) AND image_work.lease_token = $8
            AND EXISTS (SELECT 1 FROM destination WHERE destination.origin = 'SUBSCRIPTION'
                AND replace(destination.types, ',\(type),', '') <> destination.types)
        ON CONFLICT (occurred_at, resource_arn, sequence) DO NOTHING
        """)

    private static let told = """
        (SELECT event.resource_arn AS arn, event.sequence AS event_sequence, event.occurred_at AS changed_at, event.account,
            event.change_token, media_stream.id AS stream_id
        FROM media_stream JOIN event ON event.resource_arn = media_stream.stream_arn || '\(EventSubject.images)') AS told
        """
    private static let isTold = """
        told.stream_id = $1 AND told.event_sequence = CAST($2 AS BIGINT) AND told.changed_at = CAST($3 AS BIGINT) AND told.change_token = $4
        """

    static let insertDeliveries = Statement<Void>(
        "delivery.insert-for-images",
        DeliveryTargets.insert(
            table: "told", source: told, condition: isTold, type: "'\(type)'", subscriptions: .naming, limit: MediaEventStatements.limit))
    static let enqueueDeliveries = Statement<Void>(
        "delivery.enqueue-for-images", DeliveryTargets.enqueue(table: "told", source: told, condition: isTold))

    static let all: [StatementText] = [
        order.text, nextDue.text, claim.text, renew.text, postpone.text, finish.text, backlog.text, removeOld.text, removeOfStream.text,
        tellFailure.text, insertEvent.text, insertDeliveries.text, enqueueDeliveries.text,
    ]
}
