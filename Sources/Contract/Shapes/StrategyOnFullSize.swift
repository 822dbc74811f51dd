/// What an edge agent does when a stream's share of the device is full.
public enum StrategyOnFullSize: String, Sendable, CaseIterable {
    case deleteOldestMedia = "DELETE_OLDEST_MEDIA"
    case denyNewMedia = "DENY_NEW_MEDIA"
}
