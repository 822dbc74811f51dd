/// How the last upload job of an edge agent went.
public enum UploaderStatus: String, Sendable, CaseIterable {
    case success = "SUCCESS"
    case userError = "USER_ERROR"
    case systemError = "SYSTEM_ERROR"
}
