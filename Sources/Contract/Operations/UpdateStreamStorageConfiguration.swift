/// Changes how a stream's media is stored.
public enum UpdateStreamStorageConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let currentVersion: String
        public let streamARN: String?
        public let streamName: String?
        public let streamStorageConfiguration: StreamStorageConfiguration
    }

    public static let input = structure(
        "UpdateStreamStorageConfigurationInput", Input.init,
        required("CurrentVersion", .version, \.currentVersion, Text.currentVersion),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName),
        required("StreamStorageConfiguration", StreamStorageConfiguration.shape, \.streamStorageConfiguration, "The new configuration."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/updateStreamStorageConfiguration"), .changes,
        area: .streams, needs: .active, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Change a stream's storage configuration",
        documentation: """
            Changes the storage tier of a stream, which gets a new version and is UPDATING until the change is done.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceInUse, .resourceNotFound, .versionMismatch],
        exampleRequest: """
            {"StreamName":"gate-7","CurrentVersion":"davN9FKg4vjyKdCSs0f4",\
            "StreamStorageConfiguration":{"DefaultStorageTier":"WARM"}}
            """)
}
