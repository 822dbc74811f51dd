/// Describes how a stream's media is stored.
public enum DescribeStreamStorageConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let streamARN: String?
        public let streamName: String?
        public let streamStorageConfiguration: StreamStorageConfiguration?

        public init(streamARN: String?, streamName: String?, streamStorageConfiguration: StreamStorageConfiguration?) {
            self.streamARN = streamARN
            self.streamName = streamName
            self.streamStorageConfiguration = streamStorageConfiguration
        }
    }

    public static let input = structure(
        "DescribeStreamStorageConfigurationInput", Input.init,
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "DescribeStreamStorageConfigurationOutput", Output.init,
        optional("StreamARN", .resourceARN, \.streamARN, "The ARN of the stream."),
        optional("StreamName", .resourceName, \.streamName, "The name of the stream."),
        optional(
            "StreamStorageConfiguration", StreamStorageConfiguration.shape, \.streamStorageConfiguration, "The configuration as it is now.")
    )

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/describeStreamStorageConfiguration"), .reads,
        area: .streams, needs: .any, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Describe a stream's storage configuration",
        documentation: """
            Answers the storage configuration of a stream.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound],
        exampleRequest: #"{"StreamName":"gate-7"}"#,
        exampleResponse: """
            {"StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421","StreamName":"gate-7",\
            "StreamStorageConfiguration":{"DefaultStorageTier":"HOT"}}
            """)
}
