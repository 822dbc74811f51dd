/// Takes an edge agent's word that it has a configuration.
public enum AcknowledgeEdgeConfiguration: Operation {
    public struct Input: Sendable, NamesEdgeConfiguration {
        public let hubDeviceArn: String
        public let revision: String
        public let streamARN: String
    }

    public struct Output: Sendable {
        public let syncStatus: SyncStatus

        public init(syncStatus: SyncStatus) { self.syncStatus = syncStatus }
    }

    public static let input = structure(
        "AcknowledgeEdgeConfigurationInput", Input.init,
        required("HubDeviceArn", .hubDeviceARN, \.hubDeviceArn, Text.hubDeviceArn),
        required("Revision", .version, \.revision, "The revision that the agent speaks of; another than the current one is refused."),
        required("StreamARN", .resourceARN, \.streamARN, Text.agentStreamARN))

    public static let output: Shape<Output>? = structure(
        "AcknowledgeEdgeConfigurationOutput", Output.init,
        required("SyncStatus", .enumeration(SyncStatus.self), \.syncStatus, "The status now."))

    public static let contract = OperationContract(
        of: Self.self, .edgeAgent, .post("/edgeAgent/acknowledgeEdgeConfiguration"), .changes,
        area: .edgeAgent, needs: .none, rate: .edgeAgent,
        summary: "Acknowledge an edge configuration",
        documentation: """
            Takes SYNCING to ACKNOWLEDGED and DELETING to DELETING_ACKNOWLEDGED. Repeated in ACKNOWLEDGED or DELETING_ACKNOWLEDGED, it \
            changes nothing but gives the agent its time again: 15 minutes from its last word, unless the deployment is configured \
            otherwise. In any other status it is a ResourceInUseException, which says the status.
            """,
        errors: [
            .accessDenied, .clientLimitExceeded, .invalidArgument, .resourceInUse, .streamEdgeConfigurationNotFound, .versionMismatch,
        ],
        links: [
            Link(
                .reportEdgeConfigurationResult,
                [
                    "HubDeviceArn": "$request.body#/HubDeviceArn", "StreamARN": "$request.body#/StreamARN",
                    "Revision": "$request.body#/Revision",
                ])
        ],
        exampleRequest: """
            {"HubDeviceArn":"arn:aws:iot:us-east-1:123456789012:thing/hub-1","Revision":"hC4jW8vYd1RgPs6MxNi0",\
            "StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421"}
            """,
        exampleResponse: #"{"SyncStatus":"ACKNOWLEDGED"}"#)
}
