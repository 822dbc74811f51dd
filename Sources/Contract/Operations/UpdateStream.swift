/// Changes the metadata of a stream.
public enum UpdateStream: Operation {
    public struct Input: Sendable, NamesStream {
        public let currentVersion: String
        public let deviceName: String?
        public let mediaType: String?
        public let streamARN: String?
        public let streamName: String?
    }

    public static let input = structure(
        "UpdateStreamInput", Input.init,
        required("CurrentVersion", .version, \.currentVersion, Text.currentVersion),
        optional("DeviceName", .deviceName, \.deviceName, "The new device name; absent: unchanged."),
        optional("MediaType", .mediaType, \.mediaType, "The new media type; absent: unchanged."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/updateStream"), .changes,
        area: .streams, needs: .active, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Update a stream",
        documentation: """
            Changes the metadata of a stream, which gets a new version and is UPDATING until the change is done. A call that changes \
            nothing is accepted and takes a new version too.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .notAuthorized, .resourceInUse, .resourceNotFound, .versionMismatch],
        exampleRequest: #"{"StreamName":"gate-7","CurrentVersion":"davN9FKg4vjyKdCSs0f4","MediaType":"video/h265"}"#)
}
