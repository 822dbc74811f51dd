/// Lists the edge configurations of a device.
public enum ListEdgeAgentConfigurations: Operation {
    public struct Input: Sendable {
        public let hubDeviceArn: String
        public let maxResults: Int?
        public let nextToken: String?
    }

    public struct Output: Sendable {
        public let edgeConfigs: [ListEdgeAgentConfigurationsEdgeConfig]
        public let nextToken: String?

        public init(edgeConfigs: [ListEdgeAgentConfigurationsEdgeConfig], nextToken: String?) {
            self.edgeConfigs = edgeConfigs
            self.nextToken = nextToken
        }
    }

    public static let input = structure(
        "ListEdgeAgentConfigurationsInput", Input.init,
        required("HubDeviceArn", .hubDeviceARN, \.hubDeviceArn, "The device whose configurations are listed."),
        optional(
            "MaxResults", .integer(minimum: 1, maximum: 10), \.maxResults,
            "The most configurations that a page may hold; 5 unless given."),
        optional("NextToken", .nextToken, \.nextToken, Text.nextToken))

    public static let output: Shape<Output>? = structure(
        "ListEdgeAgentConfigurationsOutput", Output.init,
        required(
            "EdgeConfigs", .list(ListEdgeAgentConfigurationsEdgeConfig.shape), \.edgeConfigs,
            "The configurations of the page, by the names of their streams in byte order."),
        optional("NextToken", .nextToken, \.nextToken, Text.nextTokenOut))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/listEdgeAgentConfigurations"), .reads,
        area: .edge, needs: .none, rate: RequestRate(perAccount: 50),
        summary: "List a device's edge configurations",
        documentation: """
            Lists the edge configurations of a device in the byte order of their streams' names, whatever their status. A device that no \
            configuration names has none.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .notAuthorized],
        links: [
            Link(
                .listEdgeAgentConfigurations, named: "NextPage",
                ["NextToken": "$response.body#/NextToken", "HubDeviceArn": "$request.body#/HubDeviceArn"]),
            Link(
                .describeEdgeConfiguration,
                ["StreamARN": "$response.body#/EdgeConfigs/0/StreamARN", "StreamName": "$response.body#/EdgeConfigs/0/StreamName"]),
        ],
        exampleRequest: #"{"HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1","MaxResults":5}"#,
        exampleResponse: """
            {"EdgeConfigs":[{"CreationTime":1705489840.25,\
            "EdgeConfig":{"HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1",\
            "RecorderConfig":{"MediaSourceConfig":{"MediaUriSecretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:gate-7-camera",\
            "MediaUriType":"RTSP_URI"},"ScheduleConfig":{"DurationInSeconds":600,"ScheduleExpression":"0 0 6-20 ? * MON-FRI"}},\
            "UploaderConfig":{"ScheduleConfig":{"DurationInSeconds":3600,"ScheduleExpression":"0 0 22 * * ?"}}},\
            "LastUpdatedTime":1705489840.25,"StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421",\
            "StreamName":"gate-7","SyncStatus":"SYNCING"}]}
            """)
}
