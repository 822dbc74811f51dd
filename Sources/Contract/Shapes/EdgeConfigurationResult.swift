/// How it went to apply or to delete an edge configuration.
public enum EdgeConfigurationResult: String, Sendable, CaseIterable {
    case succeeded = "SUCCEEDED"
    case failed = "FAILED"
}
