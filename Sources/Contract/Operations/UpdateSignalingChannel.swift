/// Changes the configuration of a signaling channel.
public enum UpdateSignalingChannel: Operation {
    public struct Input: Sendable, NamesChannelByARN {
        public let channelARN: String
        public let currentVersion: String
        public let singleMasterConfiguration: SingleMasterConfiguration?
    }

    public static let input = structure(
        "UpdateSignalingChannelInput", Input.init,
        required("ChannelARN", .resourceARN, \.channelARN, Text.channelARNOnly),
        required("CurrentVersion", .version, \.currentVersion, Text.currentChannelVersion),
        optional(
            "SingleMasterConfiguration", SingleMasterConfiguration.shape, \.singleMasterConfiguration,
            "The new configuration; it must hold MessageTtlSeconds."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/updateSignalingChannel"), .changes,
        area: .channels, needs: .active, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Update a signaling channel",
        documentation: """
            Changes how long a channel keeps messages, from the next message on. SingleMasterConfiguration with MessageTtlSeconds is \
            required, although the schema cannot say so (InvalidArgumentException). The channel gets a new version and is UPDATING until \
            the change is done.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceInUse, .resourceNotFound, .versionMismatch],
        links: [Link(.describeSignalingChannel, ["ChannelARN": "$request.body#/ChannelARN"])],
        exampleRequest: """
            {"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421",\
            "CurrentVersion":"kQ2vT8sLw0ZyRb4NcXe1","SingleMasterConfiguration":{"MessageTtlSeconds":90}}
            """)
}
