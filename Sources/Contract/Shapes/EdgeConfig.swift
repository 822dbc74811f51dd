/// What a recorder on premises is to do for a stream: where to record from, when, when to upload and when to delete.
public struct EdgeConfig: JSONDocument, Hashable {
    public let deletionConfig: DeletionConfig?
    public let hubDeviceArn: String
    public let recorderConfig: RecorderConfig
    public let uploaderConfig: UploaderConfig?

    public init(deletionConfig: DeletionConfig?, hubDeviceArn: String, recorderConfig: RecorderConfig, uploaderConfig: UploaderConfig?) {
        self.deletionConfig = deletionConfig
        self.hubDeviceArn = hubDeviceArn
        self.recorderConfig = recorderConfig
        self.uploaderConfig = uploaderConfig
    }

    public static let shape = structure(
        "EdgeConfig", Self.init,
        optional("DeletionConfig", DeletionConfig.shape, \.deletionConfig, "When recorded media is deleted from the device."),
        required("HubDeviceArn", .hubDeviceARN, \.hubDeviceArn, "The device whose agent records for the stream."),
        required("RecorderConfig", RecorderConfig.shape, \.recorderConfig, "Where the agent records from, and when."),
        optional(
            "UploaderConfig", UploaderConfig.shape, \.uploaderConfig, "When the agent uploads what it has recorded; absent: each hour."))
}
