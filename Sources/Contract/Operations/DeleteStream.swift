/// Deletes a stream and its media.
public enum DeleteStream: Operation {
    public struct Input: Sendable {
        public let currentVersion: String?
        public let streamARN: String
    }

    public static let input = structure(
        "DeleteStreamInput", Input.init,
        optional(
            "CurrentVersion", .version, \.currentVersion, "Deletes only if the stream still has this version. Absent: whatever its version."
        ),
        required("StreamARN", .resourceARN, \.streamARN, Text.streamARN))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/deleteStream"), .changes,
        area: .streams, needs: .active, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Delete a stream",
        documentation: """
            Marks a stream for deletion: from the answer on it is DELETING, is still described and listed, and its name stays in use \
            until it is gone with its tags and configurations. A stream that a channel stores its media in is not deleted \
            (ResourceInUseException) before UpdateMediaStorageConfiguration has disabled that.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .notAuthorized, .resourceInUse, .resourceNotFound, .versionMismatch],
        exampleRequest:
            #"{"StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421","CurrentVersion":"davN9FKg4vjyKdCSs0f4"}"#
    )
}
