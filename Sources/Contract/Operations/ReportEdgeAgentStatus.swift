/// Takes an edge agent's word on how its jobs went.
public enum ReportEdgeAgentStatus: Operation {
    public struct Input: Sendable, NamesEdgeConfiguration {
        public let hubDeviceArn: String
        public let recorderStatus: AgentJobStatus?
        public let streamARN: String
        public let uploaderStatus: AgentJobStatus?
    }

    public static let input = structure(
        "ReportEdgeAgentStatusInput", Input.init,
        required("HubDeviceArn", .hubDeviceARN, \.hubDeviceArn, Text.hubDeviceArn),
        optional("RecorderStatus", AgentJobStatus.shape, \.recorderStatus, "The last recording job."),
        required("StreamARN", .resourceARN, \.streamARN, Text.agentStreamARN),
        optional("UploaderStatus", AgentJobStatus.shape, \.uploaderStatus, "The last upload job."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .edgeAgent, .post("/edgeAgent/reportEdgeAgentStatus"), .changes, area: .edgeAgent, needs: .none, rate: .edgeAgent,
        summary: "Report how an edge agent's jobs went",
        documentation: """
            Keeps what DescribeEdgeConfiguration shows as EdgeAgentStatus, whatever the status of the configuration. RecorderStatus, \
            UploaderStatus or both must be given (InvalidArgumentException); the one that is absent stays as it was. JobStatusDetails \
            with the character U+0000 is an InvalidArgumentException.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .streamEdgeConfigurationNotFound],
        exampleRequest: """
            {"HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1","RecorderStatus":{"JobStatusDetails":"",\
            "LastCollectedTime":1705490000.5,"Status":"SUCCESS"},\
            "StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421"}
            """)
}
