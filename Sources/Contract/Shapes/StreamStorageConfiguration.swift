/// How quickly, and at what cost, a stream's media is kept.
public enum DefaultStorageTier: String, Sendable, CaseIterable {
    case hot = "HOT"
    case warm = "WARM"
}

/// The storage configuration of a stream.
public struct StreamStorageConfiguration: Sendable, Hashable {
    public let defaultStorageTier: DefaultStorageTier

    public init(defaultStorageTier: DefaultStorageTier) {
        self.defaultStorageTier = defaultStorageTier
    }

    static let shape = structure(
        "StreamStorageConfiguration", Self.init,
        required(
            "DefaultStorageTier", .enumeration(DefaultStorageTier.self), \.defaultStorageTier, "The tier for new media; HOT unless set."))
}
