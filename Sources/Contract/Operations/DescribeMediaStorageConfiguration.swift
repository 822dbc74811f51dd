/// Describes whether, and in which stream, a channel's media is stored.
public enum DescribeMediaStorageConfiguration: Operation {
    public struct Input: Sendable, NamesChannel {
        public let channelARN: String?
        public let channelName: String?
    }

    public struct Output: Sendable {
        public let mediaStorageConfiguration: MediaStorageConfiguration

        public init(mediaStorageConfiguration: MediaStorageConfiguration) { self.mediaStorageConfiguration = mediaStorageConfiguration }
    }

    public static let input = structure(
        "DescribeMediaStorageConfigurationInput", Input.init,
        optional("ChannelARN", .resourceARN, \.channelARN, Text.channelARN),
        optional("ChannelName", .resourceName, \.channelName, Text.channelName))

    public static let output: Shape<Output>? = structure(
        "DescribeMediaStorageConfigurationOutput", Output.init,
        required(
            "MediaStorageConfiguration", MediaStorageConfiguration.shape, \.mediaStorageConfiguration, "The configuration as it is now."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/describeMediaStorageConfiguration"), .reads,
        area: .mediaStorage, needs: .any, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Describe the stream that a channel is mapped to",
        documentation: """
            Answers the media storage configuration of a channel. One that is mapped to no stream is answered with DISABLED and no \
            StreamARN.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound],
        links: [Link(.describeMappedResourceConfiguration, ["StreamARN": "$response.body#/MediaStorageConfiguration/StreamARN"])],
        exampleRequest: #"{"ChannelName":"door-2"}"#,
        exampleResponse: """
            {"MediaStorageConfiguration":{"StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421",\
            "Status":"ENABLED"}}
            """)
}
