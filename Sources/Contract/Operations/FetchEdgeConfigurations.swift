/// Answers what an edge agent has to do.
public enum FetchEdgeConfigurations: Operation {
    public struct Input: Sendable {
        public let heldConfigurations: [HeldEdgeConfiguration]?
        public let hubDeviceArn: String
        public let waitTimeInSeconds: Int?
    }

    public struct Output: Sendable {
        public let edgeConfigurations: [AgentEdgeConfiguration]
        public let removedStreamARNs: [String]

        public init(edgeConfigurations: [AgentEdgeConfiguration], removedStreamARNs: [String]) {
            self.edgeConfigurations = edgeConfigurations
            self.removedStreamARNs = removedStreamARNs
        }
    }

    public static let input = structure(
        "FetchEdgeConfigurationsInput", Input.init,
        optional(
            "HeldConfigurations", .list(HeldEdgeConfiguration.shape, count: 0...5000), \.heldConfigurations,
            "What the agent holds now; absent: nothing."),
        required("HubDeviceArn", .hubDeviceARN, \.hubDeviceArn, Text.hubDeviceArn),
        optional(
            "WaitTimeInSeconds", .integer(minimum: 0, maximum: 20), \.waitTimeInSeconds,
            "How long to wait for something to do; 0, which is also the default, answers at once."))

    public static let output: Shape<Output>? = structure(
        "FetchEdgeConfigurationsOutput", Output.init,
        required(
            "EdgeConfigurations", .list(AgentEdgeConfiguration.shape), \.edgeConfigurations,
            "What the agent has to act on, at most 1000 at once; it asks again for the rest."),
        required(
            "RemovedStreamARNs", .list(.resourceARN), \.removedStreamARNs,
            "Streams among HeldConfigurations that this agent has nothing to do with any more: forget them, there is nothing to acknowledge."
        ))

    public static let contract = OperationContract(
        of: Self.self, .edgeAgent, .post("/edgeAgent/fetchEdgeConfigurations"), .reads, area: .edgeAgent, needs: .none, rate: .edgeAgent,
        summary: "Fetch what an edge agent has to do",
        documentation: """
            Answers every configuration of the device that is SYNCING or ACKNOWLEDGED (apply it), DELETING or DELETING_ACKNOWLEDGED \
            (delete it and its media), and every one that is IN_SYNC but not among HeldConfigurations in its revision: the agent has \
            lost it and applies it again, without a word about it. Answers at once where there is something to say; else it waits up to \
            WaitTimeInSeconds and answers empty lists where nothing has come. A StreamARN among HeldConfigurations that is not of a \
            stream of the call's region is an InvalidArgumentException.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument],
        links: [
            Link(
                .acknowledgeEdgeConfiguration,
                [
                    "HubDeviceArn": "$request.body#/HubDeviceArn", "StreamARN": "$response.body#/EdgeConfigurations/0/StreamARN",
                    "Revision": "$response.body#/EdgeConfigurations/0/Revision",
                ]),
            Link(
                .reportEdgeAgentStatus,
                ["HubDeviceArn": "$request.body#/HubDeviceArn", "StreamARN": "$response.body#/EdgeConfigurations/0/StreamARN"]),
        ],
        exampleRequest: """
            {"HeldConfigurations":[{"Revision":"pX7nB2mK9wQeLr5TzUa3",\
            "StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-6/1705489836421"}],\
            "HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1","WaitTimeInSeconds":20}
            """,
        exampleResponse: """
            {"EdgeConfigurations":[{"EdgeConfig":{"HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1",\
            "RecorderConfig":{"MediaSourceConfig":{"MediaUriSecretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:gate-7-camera",\
            "MediaUriType":"RTSP_URI"},"ScheduleConfig":{"DurationInSeconds":600,"ScheduleExpression":"0 0 6-20 ? * MON-FRI"}},\
            "UploaderConfig":{"ScheduleConfig":{"DurationInSeconds":3600,"ScheduleExpression":"0 0 22 * * ?"}}},\
            "Revision":"hC4jW8vYd1RgPs6MxNi0",\
            "StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421","StreamName":"gate-7",\
            "SyncStatus":"SYNCING"}],\
            "RemovedStreamARNs":["arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-6/1705489836421"]}
            """)
}
