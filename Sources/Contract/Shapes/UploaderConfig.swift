/// When an edge agent uploads.
public struct UploaderConfig: Sendable, Hashable {
    public let scheduleConfig: ScheduleConfig

    public init(scheduleConfig: ScheduleConfig) {
        self.scheduleConfig = scheduleConfig
    }

    static let shape = structure(
        "UploaderConfig", Self.init,
        required("ScheduleConfig", ScheduleConfig.shape, \.scheduleConfig, "When to upload, and for how long."))
}
