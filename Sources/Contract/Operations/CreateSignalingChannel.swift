/// Creates a signaling channel.
public enum CreateSignalingChannel: Operation {
    public struct Input: Sendable {
        public let channelName: String
        public let channelType: ChannelType?
        public let singleMasterConfiguration: SingleMasterConfiguration?
        public let tags: [Tag]?
    }

    public struct Output: Sendable {
        public let channelARN: String

        public init(channelARN: String) { self.channelARN = channelARN }
    }

    public static let input = structure(
        "CreateSignalingChannelInput", Input.init,
        required("ChannelName", .resourceName, \.channelName, "The name, unique among the channels of account and region."),
        optional(
            "ChannelType", .enumeration(ChannelType.self), \.channelType, "Only SINGLE_MASTER is supported, which is also the default."),
        optional(
            "SingleMasterConfiguration", SingleMasterConfiguration.shape, \.singleMasterConfiguration,
            "How long messages are kept; 60 seconds unless given."),
        optional("Tags", .list(Tag.shape, count: 0...50), \.tags, "Tags that the channel has from the start, each key once."))

    public static let output: Shape<Output>? = structure(
        "CreateSignalingChannelOutput", Output.init,
        required("ChannelARN", .resourceARN, \.channelARN, "The ARN of the new channel."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/createSignalingChannel"), .changes,
        area: .channels, needs: .none, rate: RequestRate(perAccount: 50),
        summary: "Create a signaling channel",
        documentation: """
            Creates a channel with a name that no other channel of the account and region has. The answer comes while the channel is \
            CREATING; it becomes ACTIVE by itself. A name whose channel is still DELETING is in use: ResourceInUseException. FULL_MESH, \
            a tag key that begins with `aws:` in any spelling, and a tag key that is given twice are an InvalidArgumentException. More \
            than 50 tags break the schema, so TagsPerResourceExceededLimitException is declared and never sent.
            """,
        errors: [
            .accessDenied, .accountChannelLimitExceeded, .clientLimitExceeded, .invalidArgument, .resourceInUse,
            .tagsPerResourceExceededLimit,
        ],
        links: Link.toAll(on: "ChannelARN", ["ChannelARN": "$response.body#/ChannelARN", "ChannelName": "$request.body#/ChannelName"])
            + Link.toAll(on: "ResourceARN", ["ResourceARN": "$response.body#/ChannelARN"]),
        exampleRequest: """
            {"ChannelName":"door-2","SingleMasterConfiguration":{"MessageTtlSeconds":60},"Tags":[{"Key":"site","Value":"north"}]}
            """,
        exampleResponse: #"{"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421"}"#)
}
