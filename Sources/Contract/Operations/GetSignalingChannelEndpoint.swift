/// Answers where a channel's signaling is reached.
public enum GetSignalingChannelEndpoint: Operation {
    public struct Input: Sendable, NamesChannelByARN {
        public let channelARN: String
        public let singleMasterChannelEndpointConfiguration: SingleMasterChannelEndpointConfiguration?
    }

    public struct Output: Sendable {
        public let resourceEndpointList: [ResourceEndpointListItem]

        public init(resourceEndpointList: [ResourceEndpointListItem]) { self.resourceEndpointList = resourceEndpointList }
    }

    public static let input = structure(
        "GetSignalingChannelEndpointInput", Input.init,
        required("ChannelARN", .resourceARN, \.channelARN, Text.channelARNOnly),
        optional(
            "SingleMasterChannelEndpointConfiguration", SingleMasterChannelEndpointConfiguration.shape,
            \.singleMasterChannelEndpointConfiguration,
            "Which endpoints are asked for, and as what."))

    public static let output: Shape<Output>? = structure(
        "GetSignalingChannelEndpointOutput", Output.init,
        required(
            "ResourceEndpointList", .list(ResourceEndpointListItem.shape), \.resourceEndpointList,
            "An endpoint for each protocol that was asked for."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/getSignalingChannelEndpoint"), .reads,
        area: .channels, needs: .notDeleting, rate: RequestRate(perAccount: 300),
        summary: "Get the endpoints of a signaling channel",
        documentation: """
            Answers, once for each protocol that is asked for, the address that this deployment advertises, or the address at which the \
            caller reached it; without Protocols, for WSS and HTTPS. That for WSS says the role: in the host, where the deployment advertises a \
            name with `{role}` in it, or else in the path, so that what is told for a MASTER is for masters alone. WEBRTC on a channel whose media is not stored is an \
            InvalidArgumentException: see UpdateMediaStorageConfiguration. ResourceInUseException is declared and never sent.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceInUse, .resourceNotFound],
        exampleRequest: """
            {"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421",\
            "SingleMasterChannelEndpointConfiguration":{"Protocols":["WSS","HTTPS"],"Role":"MASTER"}}
            """,
        exampleResponse: """
            {"ResourceEndpointList":[{"Protocol":"WSS","ResourceEndpoint":"wss://m-signaling.example.com"},{"Protocol":"HTTPS",\
            "ResourceEndpoint":"https://signaling.example.com"}]}
            """)
}
