/// When a job of an edge agent starts, and how long it runs.
public struct ScheduleConfig: Sendable, Hashable {
    public let durationInSeconds: Int
    public let scheduleExpression: String

    public init(durationInSeconds: Int, scheduleExpression: String) {
        self.durationInSeconds = durationInSeconds
        self.scheduleExpression = scheduleExpression
    }

    static let shape = structure(
        "ScheduleConfig", Self.init,
        required("DurationInSeconds", .integer(minimum: 60, maximum: 3600), \.durationInSeconds, "How long the job runs each time."),
        required(
            "ScheduleExpression", .scheduleExpression, \.scheduleExpression,
            "When the job starts: a Quartz cron expression of six or seven fields, seconds first."))
}
