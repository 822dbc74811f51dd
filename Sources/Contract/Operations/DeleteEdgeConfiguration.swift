/// Deletes a stream's edge configuration, and its media from the device.
public enum DeleteEdgeConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let streamARN: String?
        public let streamName: String?
    }

    public static let input = structure(
        "DeleteEdgeConfigurationInput", Input.init,
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/deleteEdgeConfiguration"), .changes,
        area: .edge, needs: .notDeleting, rate: RequestRate(perAccount: 10, perResource: 1),
        summary: "Delete a stream's edge configuration",
        documentation: """
            Asks the agent to stop the stream's jobs and to delete its media from the device. From the answer on the configuration is \
            DELETING; the agent takes it to DELETING_ACKNOWLEDGED, and it is gone when the agent is done. Where the agent fails, or says \
            nothing for 15 minutes, it is DELETE_FAILED and the deletion may be asked for again. While it is SYNCING, ACKNOWLEDGED, \
            DELETING or DELETING_ACKNOWLEDGED the call is a ResourceInUseException, which the service's own model does not list here; a \
            stream without a configuration is a StreamEdgeConfigurationNotFoundException.
            """,
        errors: [
            .accessDenied, .clientLimitExceeded, .invalidArgument, .resourceInUse, .resourceNotFound, .streamEdgeConfigurationNotFound,
        ],
        exampleRequest: #"{"StreamName":"gate-7"}"#)
}
