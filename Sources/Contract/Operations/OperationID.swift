/// The operations that this version serves. A switch over it without a default is how the compiler asks for what a new one needs.
public enum OperationID: String, Sendable, CaseIterable {
    // The control plane.
    case createSignalingChannel = "CreateSignalingChannel"
    case createStream = "CreateStream"
    case deleteEdgeConfiguration = "DeleteEdgeConfiguration"
    case deleteSignalingChannel = "DeleteSignalingChannel"
    case deleteStream = "DeleteStream"
    case describeEdgeConfiguration = "DescribeEdgeConfiguration"
    case describeImageGenerationConfiguration = "DescribeImageGenerationConfiguration"
    case describeMappedResourceConfiguration = "DescribeMappedResourceConfiguration"
    case describeMediaStorageConfiguration = "DescribeMediaStorageConfiguration"
    case describeNotificationConfiguration = "DescribeNotificationConfiguration"
    case describeSignalingChannel = "DescribeSignalingChannel"
    case describeStream = "DescribeStream"
    case describeStreamStorageConfiguration = "DescribeStreamStorageConfiguration"
    case getDataEndpoint = "GetDataEndpoint"
    case getSignalingChannelEndpoint = "GetSignalingChannelEndpoint"
    case listEdgeAgentConfigurations = "ListEdgeAgentConfigurations"
    case listSignalingChannels = "ListSignalingChannels"
    case listStreams = "ListStreams"
    case listTagsForResource = "ListTagsForResource"
    case listTagsForStream = "ListTagsForStream"
    case startEdgeConfigurationUpdate = "StartEdgeConfigurationUpdate"
    case tagResource = "TagResource"
    case tagStream = "TagStream"
    case untagResource = "UntagResource"
    case untagStream = "UntagStream"
    case updateDataRetention = "UpdateDataRetention"
    case updateImageGenerationConfiguration = "UpdateImageGenerationConfiguration"
    case updateMediaStorageConfiguration = "UpdateMediaStorageConfiguration"
    case updateNotificationConfiguration = "UpdateNotificationConfiguration"
    case updateSignalingChannel = "UpdateSignalingChannel"
    case updateStream = "UpdateStream"
    case updateStreamStorageConfiguration = "UpdateStreamStorageConfiguration"
    // The edge agent.
    case fetchEdgeConfigurations = "FetchEdgeConfigurations"
    case acknowledgeEdgeConfiguration = "AcknowledgeEdgeConfiguration"
    case reportEdgeConfigurationResult = "ReportEdgeConfigurationResult"
    case reportEdgeAgentStatus = "ReportEdgeAgentStatus"
    // Media, and archived media.
    case putMedia = "PutMedia"
    case getMedia = "GetMedia"
    case listFragments = "ListFragments"
    case getMediaForFragmentList = "GetMediaForFragmentList"
    case getClip = "GetClip"
    case getHLSStreamingSessionURL = "GetHLSStreamingSessionURL"
    case getDASHStreamingSessionURL = "GetDASHStreamingSessionURL"
    case getImages = "GetImages"
    // Signaling.
    case getIceServerConfig = "GetIceServerConfig"
    case sendAlexaOfferToMaster = "SendAlexaOfferToMaster"

    /// What goes in, what comes out, and everything that is known of it: it is declared in its own file.
    public var operation: any Operation.Type {
        switch self {
        case .createSignalingChannel: CreateSignalingChannel.self
        case .createStream: CreateStream.self
        case .deleteEdgeConfiguration: DeleteEdgeConfiguration.self
        case .deleteSignalingChannel: DeleteSignalingChannel.self
        case .deleteStream: DeleteStream.self
        case .describeEdgeConfiguration: DescribeEdgeConfiguration.self
        case .describeImageGenerationConfiguration: DescribeImageGenerationConfiguration.self
        case .describeMappedResourceConfiguration: DescribeMappedResourceConfiguration.self
        case .describeMediaStorageConfiguration: DescribeMediaStorageConfiguration.self
        case .describeNotificationConfiguration: DescribeNotificationConfiguration.self
        case .describeSignalingChannel: DescribeSignalingChannel.self
        case .describeStream: DescribeStream.self
        case .describeStreamStorageConfiguration: DescribeStreamStorageConfiguration.self
        case .getDataEndpoint: GetDataEndpoint.self
        case .getSignalingChannelEndpoint: GetSignalingChannelEndpoint.self
        case .listEdgeAgentConfigurations: ListEdgeAgentConfigurations.self
        case .listSignalingChannels: ListSignalingChannels.self
        case .listStreams: ListStreams.self
        case .listTagsForResource: ListTagsForResource.self
        case .listTagsForStream: ListTagsForStream.self
        case .startEdgeConfigurationUpdate: StartEdgeConfigurationUpdate.self
        case .tagResource: TagResource.self
        case .tagStream: TagStream.self
        case .untagResource: UntagResource.self
        case .untagStream: UntagStream.self
        case .updateDataRetention: UpdateDataRetention.self
        case .updateImageGenerationConfiguration: UpdateImageGenerationConfiguration.self
        case .updateMediaStorageConfiguration: UpdateMediaStorageConfiguration.self
        case .updateNotificationConfiguration: UpdateNotificationConfiguration.self
        case .updateSignalingChannel: UpdateSignalingChannel.self
        case .updateStream: UpdateStream.self
        case .updateStreamStorageConfiguration: UpdateStreamStorageConfiguration.self
        case .fetchEdgeConfigurations: FetchEdgeConfigurations.self
        case .acknowledgeEdgeConfiguration: AcknowledgeEdgeConfiguration.self
        case .reportEdgeConfigurationResult: ReportEdgeConfigurationResult.self
        case .reportEdgeAgentStatus: ReportEdgeAgentStatus.self
        case .putMedia: PutMedia.self
        case .getMedia: GetMedia.self
        case .listFragments: ListFragments.self
        case .getMediaForFragmentList: GetMediaForFragmentList.self
        case .getClip: GetClip.self
        case .getHLSStreamingSessionURL: GetHLSStreamingSessionURL.self
        case .getDASHStreamingSessionURL: GetDASHStreamingSessionURL.self
        case .getImages: GetImages.self
        case .getIceServerConfig: GetIceServerConfig.self
        case .sendAlexaOfferToMaster: SendAlexaOfferToMaster.self
        }
    }

    /// What is known of the operation.
    public var contract: OperationContract { operation.contract }

    /// The API that the operation belongs to.
    public var api: API { contract.api }

    /// Whether it changes anything.
    public var isMutation: Bool { contract.effect == .changes }

    /// Which operation answers a request.
    public static let routes = Routes(allCases.map { ($0.contract.route, $0) })
}
