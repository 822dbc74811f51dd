/// Takes an edge agent's word on how applying or deleting a configuration went.
public enum ReportEdgeConfigurationResult: Operation {
    public struct Input: Sendable, NamesEdgeConfiguration {
        public let failedStatusDetails: String?
        public let hubDeviceArn: String
        public let result: EdgeConfigurationResult
        public let revision: String
        public let streamARN: String
    }

    public struct Output: Sendable {
        public let syncStatus: SyncStatus?

        public init(syncStatus: SyncStatus?) { self.syncStatus = syncStatus }
    }

    public static let input = structure(
        "ReportEdgeConfigurationResultInput", Input.init,
        optional("FailedStatusDetails", .string(1...1024), \.failedStatusDetails, "Why it failed; only with FAILED."),
        required("HubDeviceArn", .hubDeviceARN, \.hubDeviceArn, Text.hubDeviceArn),
        required("Result", .enumeration(EdgeConfigurationResult.self), \.result, "How it went."),
        required("Revision", .version, \.revision, "The revision that the agent speaks of; another than the current one is refused."),
        required("StreamARN", .resourceARN, \.streamARN, Text.agentStreamARN))

    public static let output: Shape<Output>? = structure(
        "ReportEdgeConfigurationResultOutput", Output.init,
        optional("SyncStatus", .enumeration(SyncStatus.self), \.syncStatus, "The status now; absent where the configuration is gone."))

    public static let contract = OperationContract(
        of: Self.self, .edgeAgent, .post("/edgeAgent/reportEdgeConfigurationResult"), .changes,
        area: .edgeAgent, needs: .none, rate: .edgeAgent,
        summary: "Report how an edge configuration went",
        documentation: """
            SUCCEEDED takes ACKNOWLEDGED to IN_SYNC, and removes a configuration that is DELETING_ACKNOWLEDGED. FAILED takes SYNCING and \
            ACKNOWLEDGED to SYNC_FAILED, DELETING and DELETING_ACKNOWLEDGED to DELETE_FAILED. The same result once more, for the same \
            revision, is accepted and changes nothing. In any other status it is a ResourceInUseException, which says the status. \
            FailedStatusDetails with SUCCEEDED, or with the character U+0000, is an InvalidArgumentException.
            """,
        errors: [
            .accessDenied, .clientLimitExceeded, .invalidArgument, .resourceInUse, .streamEdgeConfigurationNotFound, .versionMismatch,
        ],
        exampleRequest: """
            {"FailedStatusDetails":"The camera does not answer.","HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1",\
            "Result":"FAILED","Revision":"hC4jW8vYd1RgPs6MxNi0",\
            "StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421"}
            """,
        exampleResponse: #"{"SyncStatus":"SYNC_FAILED"}"#)
}
