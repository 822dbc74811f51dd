/// In which direction the retention of a stream changes.
public enum UpdateDataRetentionOperation: String, Sendable, CaseIterable {
    case increase = "INCREASE_DATA_RETENTION"
    case decrease = "DECREASE_DATA_RETENTION"
}

/// Changes how long a stream's media is kept.
public enum UpdateDataRetention: Operation {
    public struct Input: Sendable, NamesStream {
        public let currentVersion: String
        public let dataRetentionChangeInHours: Int
        public let operation: UpdateDataRetentionOperation
        public let streamARN: String?
        public let streamName: String?
    }

    public static let input = structure(
        "UpdateDataRetentionInput", Input.init,
        required("CurrentVersion", .version, \.currentVersion, Text.currentVersion),
        required(
            "DataRetentionChangeInHours", .integer(minimum: 1), \.dataRetentionChangeInHours,
            "By how many hours; not the new value but the change."),
        required("Operation", .enumeration(UpdateDataRetentionOperation.self), \.operation, "Whether the change is added or taken away."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/updateDataRetention"), .changes,
        area: .streams, needs: .active, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Change a stream's retention",
        documentation: """
            Adds to or takes from the retention of a stream, which must stay within 0 to 87600 hours (InvalidArgumentException \
            otherwise). The stream gets a new version and is UPDATING until the change is done.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .notAuthorized, .resourceInUse, .resourceNotFound, .versionMismatch],
        exampleRequest: """
            {"StreamName":"gate-7","CurrentVersion":"davN9FKg4vjyKdCSs0f4","Operation":"INCREASE_DATA_RETENTION",\
            "DataRetentionChangeInHours":24}
            """)
}
