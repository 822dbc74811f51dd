/// The operations that this version answers. A switch over it without a default is how the compiler asks for what a new one needs.
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

    /// Where the operation is posted to. Written out: the real paths do not all follow from the names.
    public var path: String {
        switch self {
        case .createSignalingChannel: "/createSignalingChannel"
        case .createStream: "/createStream"
        case .deleteEdgeConfiguration: "/deleteEdgeConfiguration"
        case .deleteSignalingChannel: "/deleteSignalingChannel"
        case .deleteStream: "/deleteStream"
        case .describeEdgeConfiguration: "/describeEdgeConfiguration"
        case .describeImageGenerationConfiguration: "/describeImageGenerationConfiguration"
        case .describeMappedResourceConfiguration: "/describeMappedResourceConfiguration"
        case .describeMediaStorageConfiguration: "/describeMediaStorageConfiguration"
        case .describeNotificationConfiguration: "/describeNotificationConfiguration"
        case .describeSignalingChannel: "/describeSignalingChannel"
        case .describeStream: "/describeStream"
        case .describeStreamStorageConfiguration: "/describeStreamStorageConfiguration"
        case .getDataEndpoint: "/getDataEndpoint"
        case .getSignalingChannelEndpoint: "/getSignalingChannelEndpoint"
        case .listEdgeAgentConfigurations: "/listEdgeAgentConfigurations"
        case .listSignalingChannels: "/listSignalingChannels"
        case .listStreams: "/listStreams"
        case .listTagsForResource: "/ListTagsForResource"
        case .listTagsForStream: "/listTagsForStream"
        case .startEdgeConfigurationUpdate: "/startEdgeConfigurationUpdate"
        case .tagResource: "/TagResource"
        case .tagStream: "/tagStream"
        case .untagResource: "/UntagResource"
        case .untagStream: "/untagStream"
        case .updateDataRetention: "/updateDataRetention"
        case .updateImageGenerationConfiguration: "/updateImageGenerationConfiguration"
        case .updateMediaStorageConfiguration: "/updateMediaStorageConfiguration"
        case .updateNotificationConfiguration: "/updateNotificationConfiguration"
        case .updateSignalingChannel: "/updateSignalingChannel"
        case .updateStream: "/updateStream"
        case .updateStreamStorageConfiguration: "/updateStreamStorageConfiguration"
        case .fetchEdgeConfigurations: "/edgeAgent/fetchEdgeConfigurations"
        case .acknowledgeEdgeConfiguration: "/edgeAgent/acknowledgeEdgeConfiguration"
        case .reportEdgeConfigurationResult: "/edgeAgent/reportEdgeConfigurationResult"
        case .reportEdgeAgentStatus: "/edgeAgent/reportEdgeAgentStatus"
        }
    }

    /// The API that the operation belongs to.
    public var api: API {
        switch self {
        case .createSignalingChannel, .createStream, .deleteEdgeConfiguration, .deleteSignalingChannel, .deleteStream,
            .describeEdgeConfiguration, .describeImageGenerationConfiguration, .describeMappedResourceConfiguration,
            .describeMediaStorageConfiguration, .describeNotificationConfiguration, .describeSignalingChannel, .describeStream,
            .describeStreamStorageConfiguration, .getDataEndpoint, .getSignalingChannelEndpoint, .listEdgeAgentConfigurations,
            .listSignalingChannels, .listStreams, .listTagsForResource, .listTagsForStream, .startEdgeConfigurationUpdate, .tagResource,
            .tagStream, .untagResource, .untagStream, .updateDataRetention, .updateImageGenerationConfiguration,
            .updateMediaStorageConfiguration, .updateNotificationConfiguration, .updateSignalingChannel, .updateStream,
            .updateStreamStorageConfiguration:
            .controlPlane
        case .fetchEdgeConfigurations, .acknowledgeEdgeConfiguration, .reportEdgeConfigurationResult, .reportEdgeAgentStatus:
            .edgeAgent
        }
    }

    /// Whether it changes anything.
    public var isMutation: Bool {
        switch self {
        case .createSignalingChannel, .createStream, .deleteEdgeConfiguration, .deleteSignalingChannel, .deleteStream,
            .startEdgeConfigurationUpdate, .tagResource, .tagStream, .untagResource, .untagStream, .updateDataRetention,
            .updateImageGenerationConfiguration, .updateMediaStorageConfiguration, .updateNotificationConfiguration,
            .updateSignalingChannel, .updateStream, .updateStreamStorageConfiguration, .acknowledgeEdgeConfiguration,
            .reportEdgeConfigurationResult, .reportEdgeAgentStatus:
            true
        case .describeEdgeConfiguration, .describeImageGenerationConfiguration, .describeMappedResourceConfiguration,
            .describeMediaStorageConfiguration, .describeNotificationConfiguration, .describeSignalingChannel, .describeStream,
            .describeStreamStorageConfiguration, .getDataEndpoint, .getSignalingChannelEndpoint, .listEdgeAgentConfigurations,
            .listSignalingChannels, .listStreams, .listTagsForResource, .listTagsForStream, .fetchEdgeConfigurations:
            false
        }
    }

    /// What goes in, what comes out, and what the documentation says.
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
        }
    }

    /// What the documentation says of it.
    public var contract: OperationContract { operation.contract }

    private static let byPath = Dictionary(uniqueKeysWithValues: allCases.map { ($0.path, $0) })

    /// The operation posted to exactly this path; paths are case-sensitive.
    public init?(path: String) {
        guard let id = Self.byPath[path] else { return nil }
        self = id
    }
}
