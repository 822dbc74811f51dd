import Contract
import Identity
public import Planes

extension ControlPlane {
    /// The operations of the control plane and of the edge agents.
    public var operations: [RoutedOperation] {
        [
            routed(.createSignalingChannel, CreateSignalingChannel.self),
            routed(.createStream, CreateStream.self),
            routed(.deleteEdgeConfiguration, DeleteEdgeConfiguration.self),
            routed(.deleteSignalingChannel, DeleteSignalingChannel.self),
            routed(.deleteStream, DeleteStream.self),
            routed(.describeEdgeConfiguration, DescribeEdgeConfiguration.self),
            routed(.describeImageGenerationConfiguration, DescribeImageGenerationConfiguration.self),
            routed(.describeMappedResourceConfiguration, DescribeMappedResourceConfiguration.self),
            routed(.describeMediaStorageConfiguration, DescribeMediaStorageConfiguration.self),
            routed(.describeNotificationConfiguration, DescribeNotificationConfiguration.self),
            routed(.describeSignalingChannel, DescribeSignalingChannel.self),
            routed(.describeStream, DescribeStream.self),
            routed(.describeStreamStorageConfiguration, DescribeStreamStorageConfiguration.self),
            routed(.getDataEndpoint, GetDataEndpoint.self),
            routed(.getSignalingChannelEndpoint, GetSignalingChannelEndpoint.self),
            routed(.listEdgeAgentConfigurations, ListEdgeAgentConfigurations.self),
            routed(.listSignalingChannels, ListSignalingChannels.self),
            routed(.listStreams, ListStreams.self),
            routed(.listTagsForResource, ListTagsForResource.self),
            routed(.listTagsForStream, ListTagsForStream.self),
            routed(.startEdgeConfigurationUpdate, StartEdgeConfigurationUpdate.self),
            routed(.tagResource, TagResource.self),
            routed(.tagStream, TagStream.self),
            routed(.untagResource, UntagResource.self),
            routed(.untagStream, UntagStream.self),
            routed(.updateDataRetention, UpdateDataRetention.self),
            routed(.updateImageGenerationConfiguration, UpdateImageGenerationConfiguration.self),
            routed(.updateMediaStorageConfiguration, UpdateMediaStorageConfiguration.self),
            routed(.updateNotificationConfiguration, UpdateNotificationConfiguration.self),
            routed(.updateSignalingChannel, UpdateSignalingChannel.self),
            routed(.updateStream, UpdateStream.self),
            routed(.updateStreamStorageConfiguration, UpdateStreamStorageConfiguration.self),
            routed(.fetchEdgeConfigurations, FetchEdgeConfigurations.self, waits: true),
            routed(.acknowledgeEdgeConfiguration, AcknowledgeEdgeConfiguration.self),
            routed(.reportEdgeConfigurationResult, ReportEdgeConfigurationResult.self),
            routed(.reportEdgeAgentStatus, ReportEdgeAgentStatus.self),
        ]
    }

    private func routed<Operation: Rule>(_ id: OperationID, _ operation: Operation.Type, waits: Bool = false) -> RoutedOperation {
        RoutedOperation(
            Operation.contract.route, name: id.rawValue, id: id, payload: .document, isMutation: Operation.contract.effect == .changes,
            waits: waits
        ) { input, caller throws(OperationError) in
            try prepare(operation, input.body, caller)
        }
    }
}
