/// Creates a stream.
public enum CreateStream: Operation {
    public struct Input: Sendable {
        public let dataRetentionInHours: Int?
        public let deviceName: String?
        public let kmsKeyID: String?
        public let mediaType: String?
        public let streamName: String
        public let streamStorageConfiguration: StreamStorageConfiguration?
        public let tags: [MapEntry<String>]?
    }

    public struct Output: Sendable {
        public let streamARN: String

        public init(streamARN: String) { self.streamARN = streamARN }
    }

    public static let input = structure(
        "CreateStreamInput", Input.init,
        optional(
            "DataRetentionInHours", .integer(minimum: 0), \.dataRetentionInHours,
            "How long media is kept: 0 (the default: not at all) to 87600."
        ),
        optional("DeviceName", .deviceName, \.deviceName, "The device that writes to the stream."),
        optional("KmsKeyId", .kmsKeyID, \.kmsKeyID, "The key to encrypt media with; it cannot be changed later."),
        optional("MediaType", .mediaType, \.mediaType, "What the stream carries, such as `video/h264,audio/aac`."),
        required("StreamName", .resourceName, \.streamName, "The name, unique in account and region."),
        optional("StreamStorageConfiguration", StreamStorageConfiguration.shape, \.streamStorageConfiguration, "HOT unless given."),
        optional("Tags", .tags, \.tags, "Tags that the stream has from the start. Keys must not begin with `aws:`."))

    public static let output: Shape<Output>? = structure(
        "CreateStreamOutput", Output.init,
        required("StreamARN", .resourceARN, \.streamARN, "The ARN of the new stream."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/createStream"), .changes, area: .streams, needs: .none, rate: RequestRate(perAccount: 50),
        summary: "Create a stream",
        documentation: """
            Creates a stream with a name that no other stream of the account and region has. The answer comes while the stream is \
            CREATING; it becomes ACTIVE by itself. A name whose stream is still DELETING is in use: ResourceInUseException. A \
            DataRetentionInHours above 87600, a tag key that begins with `aws:` in any spelling, and a KmsKeyId with the character \
            U+0000 are an InvalidArgumentException. More than 50 tags break the schema, so TagsPerResourceExceededLimitException is \
            declared and never sent.
            """,
        errors: [
            .accountStreamLimitExceeded, .clientLimitExceeded, .deviceStreamLimitExceeded, .invalidArgument, .invalidDevice, .resourceInUse,
            .tagsPerResourceExceededLimit,
        ],
        links: Link.toAll(on: "StreamARN", ["StreamARN": "$response.body#/StreamARN", "StreamName": "$request.body#/StreamName"])
            + Link.toAll(on: "ResourceARN", ["ResourceARN": "$response.body#/StreamARN"]),
        exampleRequest: #"{"StreamName":"gate-7","DataRetentionInHours":24,"MediaType":"video/h264","Tags":{"site":"north"}}"#,
        exampleResponse: #"{"StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421"}"#)
}
