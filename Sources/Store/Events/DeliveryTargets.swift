/// The parts of statements that find the destinations of an event, in the batch that writes the event.
///
/// They read the resource as the event left it, so an event goes to the destinations that were configured when it was accepted.
enum DeliveryTargets {
    /// Adds a delivery for each destination of the events that rows of `table` under `condition` have just counted. `type` is a SQL expression;
    /// `source` is where the rows come from, if that is more than the table.
    static func insert(table: String, source: String? = nil, condition: String, type: String) -> String {
        """
        INSERT INTO delivery (destination_id, resource_arn, sequence, occurred_at, state, attempts, replayed, created_at)
        \(select("\(table).arn, \(table).event_sequence, \(table).changed_at, 'PENDING', 0, 0, now_ms()", table, source, condition, type))
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

    private static func select(_ columns: String, _ table: String, _ source: String?, _ condition: String, _ type: String) -> String {
        let source = source ?? table
        let subscriptions = """
            SELECT destination.id, \(columns) FROM \(source) JOIN destination ON destination.origin = 'SUBSCRIPTION'
                AND destination.status <> 'DISABLED' AND (destination.account IS NULL OR destination.account = \(table).account)
                AND (destination.types IS NULL OR replace(destination.types, ',' || CAST(\(type) AS TEXT) || ',', '') <> destination.types)
                AND (destination.resource_prefix IS NULL
                    OR substr(\(table).arn, 1, length(destination.resource_prefix)) = destination.resource_prefix)
            WHERE \(condition)
            """
        guard table == "stream" else { return subscriptions }
        return """
            \(subscriptions)
            UNION ALL
            SELECT destination.id, \(columns) FROM \(source) JOIN destination ON destination.id = stream.notification_destination
                AND destination.status <> 'DISABLED'
            WHERE \(condition)
            """
    }
}
