/// How a job of an edge agent went. The cases are those of `RecorderStatus` and `UploaderStatus`.
public enum JobStatus: String, Sendable, CaseIterable {
    case success = "SUCCESS"
    /// Something that whoever configured the job can put right.
    case userError = "USER_ERROR"
    case systemError = "SYSTEM_ERROR"
}
