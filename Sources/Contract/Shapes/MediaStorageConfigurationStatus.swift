/// Whether the media of a channel is stored.
public enum MediaStorageConfigurationStatus: String, Sendable, CaseIterable {
    case enabled = "ENABLED"
    case disabled = "DISABLED"
}
