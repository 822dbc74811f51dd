/// Gives a stream an edge configuration, or a new one.
public enum StartEdgeConfigurationUpdate: Operation {
    public struct Input: Sendable, NamesStream {
        public let edgeConfig: EdgeConfig
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let creationTime: Timestamp?
        public let edgeConfig: EdgeConfig?
        public let failedStatusDetails: String?
        public let lastUpdatedTime: Timestamp?
        public let streamARN: String?
        public let streamName: String?
        public let syncStatus: SyncStatus?

        public init(
            creationTime: Timestamp?, edgeConfig: EdgeConfig?, failedStatusDetails: String?, lastUpdatedTime: Timestamp?,
            streamARN:
                String?, streamName: String?, syncStatus: SyncStatus?
        ) {
            self.creationTime = creationTime
            self.edgeConfig = edgeConfig
            self.failedStatusDetails = failedStatusDetails
            self.lastUpdatedTime = lastUpdatedTime
            self.streamARN = streamARN
            self.streamName = streamName
            self.syncStatus = syncStatus
        }
    }

    public static let input = structure(
        "StartEdgeConfigurationUpdateInput", Input.init,
        required("EdgeConfig", EdgeConfig.shape, \.edgeConfig, "What the agent is to do."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "StartEdgeConfigurationUpdateOutput", Output.init,
        optional("CreationTime", .timestamp, \.creationTime, Text.edgeCreationTime),
        optional("EdgeConfig", EdgeConfig.shape, \.edgeConfig, Text.edgeConfig),
        optional("FailedStatusDetails", .string(), \.failedStatusDetails, Text.failedStatusDetails),
        optional("LastUpdatedTime", .timestamp, \.lastUpdatedTime, Text.edgeLastUpdatedTime),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARNOut),
        optional("StreamName", .resourceName, \.streamName, Text.streamNameOut),
        optional("SyncStatus", .enumeration(SyncStatus.self), \.syncStatus, Text.syncStatus))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/startEdgeConfigurationUpdate"), .changes,
        area: .edge, needs: .active, rate: RequestRate(perAccount: 10, perResource: 1),
        summary: "Set a stream's edge configuration",
        documentation: """
            Sets the edge configuration of a stream whose retention is above 0 (NoDataRetentionException otherwise). The answer comes \
            with SYNCING; from there the agent of HubDeviceArn takes it to ACKNOWLEDGED and IN_SYNC, or to SYNC_FAILED, which it also \
            becomes where the agent says nothing for 15 minutes. While a configuration is SYNCING, ACKNOWLEDGED, DELETING or \
            DELETING_ACKNOWLEDGED, another is a ResourceInUseException; so is one with another HubDeviceArn at any time: delete the \
            configuration first. HubDeviceArn must be of the account (AccessDeniedException) and region (InvalidArgumentException) of \
            the call. Schedules are parsed: one that is no Quartz cron expression is an InvalidArgumentException.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .noDataRetention, .resourceInUse, .resourceNotFound],
        links: [Link(.listEdgeAgentConfigurations, ["HubDeviceArn": "$response.body#/EdgeConfig/HubDeviceArn"])]
            + [.describeEdgeConfiguration, .deleteEdgeConfiguration].map {
                Link($0, ["StreamARN": "$response.body#/StreamARN", "StreamName": "$response.body#/StreamName"])
            },
        exampleRequest: """
            {"EdgeConfig":{"HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1",\
            "RecorderConfig":{"MediaSourceConfig":{"MediaUriSecretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:gate-7-camera",\
            "MediaUriType":"RTSP_URI"},"ScheduleConfig":{"DurationInSeconds":600,"ScheduleExpression":"0 0 6-20 ? * MON-FRI"}},\
            "UploaderConfig":{"ScheduleConfig":{"DurationInSeconds":3600,"ScheduleExpression":"0 0 22 * * ?"}}},\
            "StreamName":"gate-7"}
            """,
        exampleResponse: """
            {"CreationTime":1705489840.25,"EdgeConfig":{"HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1",\
            "RecorderConfig":{"MediaSourceConfig":{"MediaUriSecretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:gate-7-camera",\
            "MediaUriType":"RTSP_URI"},"ScheduleConfig":{"DurationInSeconds":600,"ScheduleExpression":"0 0 6-20 ? * MON-FRI"}},\
            "UploaderConfig":{"ScheduleConfig":{"DurationInSeconds":3600,"ScheduleExpression":"0 0 22 * * ?"}}},\
            "LastUpdatedTime":1705489840.25,"StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421",\
            "StreamName":"gate-7","SyncStatus":"SYNCING"}
            """)
}
