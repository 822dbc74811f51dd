/// The last recording job of an edge agent, as the agent reported it.
public struct LastRecorderStatus: JSONDocument, Hashable {
    public let jobStatusDetails: String?
    public let lastCollectedTime: Timestamp?
    public let lastUpdatedTime: Timestamp?
    public let recorderStatus: RecorderStatus?

    public init(
        jobStatusDetails: String?, lastCollectedTime: Timestamp?, lastUpdatedTime: Timestamp?, recorderStatus: RecorderStatus?
    ) {
        self.jobStatusDetails = jobStatusDetails
        self.lastCollectedTime = lastCollectedTime
        self.lastUpdatedTime = lastUpdatedTime
        self.recorderStatus = recorderStatus
    }

    public static let shape = structure(
        "LastRecorderStatus", Self.init,
        optional("JobStatusDetails", .string(), \.jobStatusDetails, "What the agent said about the job."),
        optional("LastCollectedTime", .timestamp, \.lastCollectedTime, "When the agent looked at the job."),
        optional("LastUpdatedTime", .timestamp, \.lastUpdatedTime, "When the report arrived."),
        optional("RecorderStatus", .enumeration(RecorderStatus.self), \.recorderStatus, "How the job went."))
}
