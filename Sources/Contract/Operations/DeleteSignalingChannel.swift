/// Deletes a signaling channel.
public enum DeleteSignalingChannel: Operation {
    public struct Input: Sendable, NamesChannelByARN {
        public let channelARN: String
        public let currentVersion: String?
    }

    public static let input = structure(
        "DeleteSignalingChannelInput", Input.init,
        required("ChannelARN", .resourceARN, \.channelARN, Text.channelARNOnly),
        optional(
            "CurrentVersion", .version, \.currentVersion,
            "Deletes only if the channel still has this version. Absent: whatever its version."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/deleteSignalingChannel"), .changes,
        area: .channels, needs: .active, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Delete a signaling channel",
        documentation: """
            Marks a channel for deletion: from the answer on it is DELETING, is still described and listed, and its name stays in use \
            until it is gone with its tags. A channel whose media is stored in a stream is not deleted (ResourceInUseException) before \
            UpdateMediaStorageConfiguration has disabled that.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceInUse, .resourceNotFound, .versionMismatch],
        exampleRequest: """
            {"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421",\
            "CurrentVersion":"kQ2vT8sLw0ZyRb4NcXe1"}
            """)
}
