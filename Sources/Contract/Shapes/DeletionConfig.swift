/// When an edge agent deletes recorded media.
public struct DeletionConfig: Sendable, Hashable {
    public let deleteAfterUpload: Bool?
    public let edgeRetentionInHours: Int?
    public let localSizeConfig: LocalSizeConfig?

    public init(deleteAfterUpload: Bool?, edgeRetentionInHours: Int?, localSizeConfig: LocalSizeConfig?) {
        self.deleteAfterUpload = deleteAfterUpload
        self.edgeRetentionInHours = edgeRetentionInHours
        self.localSizeConfig = localSizeConfig
    }

    static let shape = structure(
        "DeletionConfig", Self.init,
        optional(
            "DeleteAfterUpload", .boolean, \.deleteAfterUpload, "Whether media may go once it is uploaded; true for the agent if absent."),
        optional(
            "EdgeRetentionInHours", .integer(minimum: 1, maximum: 720), \.edgeRetentionInHours,
            "After how many hours media may go; 720 for the agent if absent."),
        optional("LocalSizeConfig", LocalSizeConfig.shape, \.localSizeConfig, "How much media the device may hold for the stream."))
}
