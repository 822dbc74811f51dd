/// Sets whether, and in which stream, a channel's media is stored.
public enum UpdateMediaStorageConfiguration: Operation {
    public struct Input: Sendable {
        public let channelARN: String
        public let mediaStorageConfiguration: MediaStorageConfiguration
    }

    public static let input = structure(
        "UpdateMediaStorageConfigurationInput", Input.init,
        required("ChannelARN", .resourceARN, \.channelARN, Text.channelARNOnly),
        required("MediaStorageConfiguration", MediaStorageConfiguration.shape, \.mediaStorageConfiguration, "The new configuration."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/updateMediaStorageConfiguration"), .changes,
        area: .mediaStorage, needs: .active, rate: RequestRate(perAccount: 10, perResource: 5),
        summary: "Map a channel to a stream, or undo it",
        documentation: """
            Sets in which stream the media of a channel is stored, or that it is not stored. ENABLED needs StreamARN \
            (InvalidArgumentException): of an ACTIVE stream of the same account and region (ResourceInUseException in another status) \
            with a retention above 0 (NoDataRetentionException). A stream belongs to one channel at most and a channel to one stream: \
            where either has another already, it is a ResourceInUseException. DISABLED needs no StreamARN and undoes the mapping. \
            Neither resource changes its status or version.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .noDataRetention, .resourceInUse, .resourceNotFound],
        links: [Link(.describeMediaStorageConfiguration, ["ChannelARN": "$request.body#/ChannelARN"])],
        exampleRequest: """
            {"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421",\
            "MediaStorageConfiguration":{"StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421",\
            "Status":"ENABLED"}}
            """)
}
