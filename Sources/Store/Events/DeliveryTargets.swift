/// The parts of statements that find the destinations of an event, in the batch that writes the event.
///
/// They read the resource as the event left it, so an event goes to the destinations that were configured when it was accepted.
enum DeliveryTargets {
    /// Which subscriptions are told.
    enum Subscriptions {
        /// Those that want the type, or every type.
        case all
        /// Those alone that name the type.
        case naming
    }

    /// Adds a delivery for each destination of the events that rows of `table` under `condition` have just counted. `type` is a SQL expression;
    /// `source` is where the rows come from, if that is more than the table. `streams` is a column: the destination that the stream itself names.
    /// Of events that are no changes of anything, and that nobody is refused for, no more than `limit` of a subject wait for a destination: beyond,
    /// it is not told.
    static func insert(
        table: String, source: String? = nil, condition: String, type: String, streams: String? = nil, subscriptions: Subscriptions = .all,
        limit: Int? = nil
    ) -> String {
        let columns = "destination.id, \(table).arn, \(table).event_sequence, \(table).changed_at, 'PENDING', 0, 0, now_ms()"
        let isNamed = "replace(destination.types, ',' || CAST(\(type) AS TEXT) || ',', '') <> destination.types"
        let isWanted =
            switch subscriptions {
            case .all: "(destination.types IS NULL OR \(isNamed))"
            case .naming: isNamed
            }
        let hasRoom =
            limit.map { limit in
                """
                AND (SELECT waiting.sequence FROM delivery AS waiting WHERE waiting.destination_id = destination.id
                    AND waiting.resource_arn = \(table).arn AND waiting.state = 'PENDING' ORDER BY waiting.sequence LIMIT 1 OFFSET \(limit - 1)) IS NULL
                """
            } ?? ""
        let ofStream =
            streams.map { streams in
                """
                UNION ALL
                SELECT \(columns) FROM \(source ?? table) JOIN destination ON destination.id = \(streams) AND destination.status <> 'DISABLED'
                WHERE \(condition) \(hasRoom)
                """
            } ?? ""
        return """
            INSERT INTO delivery (destination_id, resource_arn, sequence, occurred_at, state, attempts, replayed, created_at)
            SELECT \(columns) FROM \(source ?? table) JOIN destination ON destination.origin = 'SUBSCRIPTION'
                AND destination.status <> 'DISABLED' AND (destination.account IS NULL OR destination.account = \(table).account) AND \(isWanted)
                AND (destination.resource_prefix IS NULL
                    OR substr(\(table).arn, 1, length(destination.resource_prefix)) = destination.resource_prefix)
            WHERE \(condition) \(hasRoom)
            \(ofStream)
            """
    }

    /// Puts those deliveries into the queue of their resource and destination, which it locks until the batch ends. It reads the deliveries and
    /// not the destinations: a destination may have been removed or disabled since, and a delivery that is in no queue would wait for ever.
    static func enqueue(table: String, source: String? = nil, condition: String) -> String {
        """
        INSERT INTO delivery_queue (destination_id, resource_arn, enqueued, available_at, lease_token)
        SELECT delivery.destination_id, delivery.resource_arn, 1, now_ms(), CAST(NULL AS TEXT)
        FROM \(source ?? table) JOIN delivery ON delivery.occurred_at = \(table).changed_at AND delivery.resource_arn = \(table).arn
            AND delivery.sequence = \(table).event_sequence
        WHERE \(condition)
        ON CONFLICT (destination_id, resource_arn) DO UPDATE SET enqueued = delivery_queue.enqueued + 1
        """
    }
}
