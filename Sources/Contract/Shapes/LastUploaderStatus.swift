/// The last upload job of an edge agent, as the agent reported it.
public struct LastUploaderStatus: JSONDocument, Hashable {
    public let jobStatusDetails: String?
    public let lastCollectedTime: Timestamp?
    public let lastUpdatedTime: Timestamp?
    public let uploaderStatus: UploaderStatus?

    public init(
        jobStatusDetails: String?, lastCollectedTime: Timestamp?, lastUpdatedTime: Timestamp?, uploaderStatus: UploaderStatus?
    ) {
        self.jobStatusDetails = jobStatusDetails
        self.lastCollectedTime = lastCollectedTime
        self.lastUpdatedTime = lastUpdatedTime
        self.uploaderStatus = uploaderStatus
    }

    public static let shape = structure(
        "LastUploaderStatus", Self.init,
        optional("JobStatusDetails", .string(), \.jobStatusDetails, "What the agent said about the job."),
        optional("LastCollectedTime", .timestamp, \.lastCollectedTime, "When the agent looked at the job."),
        optional("LastUpdatedTime", .timestamp, \.lastUpdatedTime, "When the report arrived."),
        optional("UploaderStatus", .enumeration(UploaderStatus.self), \.uploaderStatus, "How the job went."))
}
