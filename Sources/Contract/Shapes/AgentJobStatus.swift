/// How the last job of an edge agent went, in the agent's words.
public struct AgentJobStatus: Sendable, Hashable {
    public let jobStatusDetails: String?
    public let lastCollectedTime: Timestamp?
    public let status: JobStatus

    public init(jobStatusDetails: String?, lastCollectedTime: Timestamp?, status: JobStatus) {
        self.jobStatusDetails = jobStatusDetails
        self.lastCollectedTime = lastCollectedTime
        self.status = status
    }

    static let shape = structure(
        "AgentJobStatus", Self.init,
        optional("JobStatusDetails", .string(0...1024), \.jobStatusDetails, "What there is to say about the job."),
        optional("LastCollectedTime", .timestamp, \.lastCollectedTime, "When the agent looked at the job; absent: now."),
        required("Status", .enumeration(JobStatus.self), \.status, "How the job went."))
}
