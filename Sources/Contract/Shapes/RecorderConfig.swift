/// Where an edge agent records from, and when.
public struct RecorderConfig: Sendable, Hashable {
    public let mediaSourceConfig: MediaSourceConfig
    public let scheduleConfig: ScheduleConfig?

    public init(mediaSourceConfig: MediaSourceConfig, scheduleConfig: ScheduleConfig?) {
        self.mediaSourceConfig = mediaSourceConfig
        self.scheduleConfig = scheduleConfig
    }

    static let shape = structure(
        "RecorderConfig", Self.init,
        required("MediaSourceConfig", MediaSourceConfig.shape, \.mediaSourceConfig, "The camera or file."),
        optional("ScheduleConfig", ScheduleConfig.shape, \.scheduleConfig, "When to record; absent: all the time."))
}
