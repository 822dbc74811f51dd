/// Whether a configuration of a stream is at work.
public enum ConfigurationStatus: String, Sendable, CaseIterable {
    case enabled = "ENABLED"
    case disabled = "DISABLED"
}
