/// How the last recording job of an edge agent went.
public enum RecorderStatus: String, Sendable, CaseIterable {
    case success = "SUCCESS"
    case userError = "USER_ERROR"
    case systemError = "SYSTEM_ERROR"
}
