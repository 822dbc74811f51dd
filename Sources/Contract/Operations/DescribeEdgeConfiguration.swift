/// Describes a stream's edge configuration.
public enum DescribeEdgeConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let creationTime: Timestamp?
        public let edgeAgentStatus: EdgeAgentStatus?
        public let edgeConfig: EdgeConfig?
        public let failedStatusDetails: String?
        public let lastUpdatedTime: Timestamp?
        public let streamARN: String?
        public let streamName: String?
        public let syncStatus: SyncStatus?

        public init(
            creationTime: Timestamp?, edgeAgentStatus: EdgeAgentStatus?, edgeConfig: EdgeConfig?, failedStatusDetails: String?,
            lastUpdatedTime: Timestamp?, streamARN: String?, streamName: String?, syncStatus: SyncStatus?
        ) {
            self.creationTime = creationTime
            self.edgeAgentStatus = edgeAgentStatus
            self.edgeConfig = edgeConfig
            self.failedStatusDetails = failedStatusDetails
            self.lastUpdatedTime = lastUpdatedTime
            self.streamARN = streamARN
            self.streamName = streamName
            self.syncStatus = syncStatus
        }
    }

    public static let input = structure(
        "DescribeEdgeConfigurationInput", Input.init,
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "DescribeEdgeConfigurationOutput", Output.init,
        optional("CreationTime", .timestamp, \.creationTime, Text.edgeCreationTime),
        optional(
            "EdgeAgentStatus", EdgeAgentStatus.shape, \.edgeAgentStatus,
            "What the agent has reported of its jobs; absent before its first report."),
        optional("EdgeConfig", EdgeConfig.shape, \.edgeConfig, Text.edgeConfig),
        optional("FailedStatusDetails", .string(), \.failedStatusDetails, Text.failedStatusDetails),
        optional("LastUpdatedTime", .timestamp, \.lastUpdatedTime, Text.edgeLastUpdatedTime),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARNOut),
        optional("StreamName", .resourceName, \.streamName, Text.streamNameOut),
        optional("SyncStatus", .enumeration(SyncStatus.self), \.syncStatus, Text.syncStatus))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/describeEdgeConfiguration"), .reads,
        area: .edge, needs: .any, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Describe a stream's edge configuration",
        documentation: """
            Answers the edge configuration of a stream, how far it has come and what the agent has reported of its jobs. A stream \
            without one is a StreamEdgeConfigurationNotFoundException.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound, .streamEdgeConfigurationNotFound],
        exampleRequest: #"{"StreamName":"gate-7"}"#,
        exampleResponse: """
            {"CreationTime":1705489840.25,"EdgeAgentStatus":{"LastRecorderStatus":{"JobStatusDetails":"",\
            "LastCollectedTime":1705490000.5,"LastUpdatedTime":1705490001.75,"RecorderStatus":"SUCCESS"}},\
            "EdgeConfig":{"HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1",\
            "RecorderConfig":{"MediaSourceConfig":{"MediaUriSecretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:gate-7-camera",\
            "MediaUriType":"RTSP_URI"},"ScheduleConfig":{"DurationInSeconds":600,"ScheduleExpression":"0 0 6-20 ? * MON-FRI"}},\
            "UploaderConfig":{"ScheduleConfig":{"DurationInSeconds":3600,"ScheduleExpression":"0 0 22 * * ?"}}},\
            "LastUpdatedTime":1705489840.25,"StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421",\
            "StreamName":"gate-7","SyncStatus":"IN_SYNC"}
            """)
}
