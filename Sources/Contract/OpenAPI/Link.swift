/// Where a client can go on after a success of an operation, and what it takes along.
struct Link {
    let name: String
    let target: OperationID
    /// Members of the target's input, and the runtime expressions of OpenAPI that tell their values.
    let body: [(member: String, expression: String)]

    init(_ target: OperationID, named name: String? = nil, _ body: KeyValuePairs<String, String>) {
        self.name = name ?? target.rawValue
        self.target = target
        self.body = body.map { (member: $0.key, expression: $0.value) }
    }

    /// Links to the operations of the control plane that work on what the input's member `subject` names, each with what of `body` its
    /// input has; but not to those that need a version, where `body` has none.
    static func toAll(on subject: String, _ body: KeyValuePairs<String, String>) -> [Link] {
        let hasVersion = body.contains { $0.key == "CurrentVersion" }
        return OperationID.allCases.filter { id in
            let input = id.contract.input
            return id.api == .controlPlane && input.hasMember(subject)
                && (hasVersion ? input.hasMember("CurrentVersion") : !input.requires("CurrentVersion"))
        }.map { id in Link(id, taking: body) }
    }

    private init(_ target: OperationID, taking body: KeyValuePairs<String, String>) {
        name = target.rawValue
        self.target = target
        let input = target.contract.input
        self.body = body.filter { input.hasMember($0.key) }.map { (member: $0.key, expression: $0.value) }
    }
}

extension Schema {
    /// Whether it is a structure with a required member of this name.
    fileprivate func requires(_ name: String) -> Bool {
        guard case .structure(_, let members) = kind else { return false }
        return members.contains { $0.name == name && $0.isRequired }
    }
}

extension OperationID {
    /// What may follow a success of this operation. Where a list is empty or a page the last, there is nothing to follow.
    var links: [Link] {
        switch self {
        case .createStream:
            Link.toAll(on: "StreamARN", ["StreamARN": "$response.body#/StreamARN", "StreamName": "$request.body#/StreamName"])
                + Link.toAll(on: "ResourceARN", ["ResourceARN": "$response.body#/StreamARN"])
        case .createSignalingChannel:
            Link.toAll(on: "ChannelARN", ["ChannelARN": "$response.body#/ChannelARN", "ChannelName": "$request.body#/ChannelName"])
                + Link.toAll(on: "ResourceARN", ["ResourceARN": "$response.body#/ChannelARN"])
        case .describeStream:
            Link.toAll(
                on: "StreamARN",
                [
                    "StreamARN": "$response.body#/StreamInfo/StreamARN", "StreamName": "$response.body#/StreamInfo/StreamName",
                    "CurrentVersion": "$response.body#/StreamInfo/Version",
                ])
        case .describeSignalingChannel:
            Link.toAll(
                on: "ChannelARN",
                [
                    "ChannelARN": "$response.body#/ChannelInfo/ChannelARN", "CurrentVersion": "$response.body#/ChannelInfo/Version",
                ])
        case .listStreams:
            [
                Link(
                    self, named: "NextPage",
                    ["NextToken": "$response.body#/NextToken", "StreamNameCondition": "$request.body#/StreamNameCondition"]),
                Link(
                    .describeStream,
                    [
                        "StreamARN": "$response.body#/StreamInfoList/0/StreamARN",
                        "StreamName": "$response.body#/StreamInfoList/0/StreamName",
                    ]),
            ]
        case .listSignalingChannels:
            [
                Link(
                    self, named: "NextPage",
                    ["NextToken": "$response.body#/NextToken", "ChannelNameCondition": "$request.body#/ChannelNameCondition"]),
                Link(
                    .describeSignalingChannel,
                    [
                        "ChannelARN": "$response.body#/ChannelInfoList/0/ChannelARN",
                        "ChannelName": "$response.body#/ChannelInfoList/0/ChannelName",
                    ]),
            ]
        case .listEdgeAgentConfigurations:
            [
                Link(self, named: "NextPage", ["NextToken": "$response.body#/NextToken", "HubDeviceArn": "$request.body#/HubDeviceArn"]),
                Link(
                    .describeEdgeConfiguration,
                    ["StreamARN": "$response.body#/EdgeConfigs/0/StreamARN", "StreamName": "$response.body#/EdgeConfigs/0/StreamName"]),
            ]
        case .startEdgeConfigurationUpdate:
            [Link(.listEdgeAgentConfigurations, ["HubDeviceArn": "$response.body#/EdgeConfig/HubDeviceArn"])]
                + [.describeEdgeConfiguration, .deleteEdgeConfiguration].map {
                    Link($0, ["StreamARN": "$response.body#/StreamARN", "StreamName": "$response.body#/StreamName"])
                }
        case .updateMediaStorageConfiguration:
            [Link(.describeMediaStorageConfiguration, ["ChannelARN": "$request.body#/ChannelARN"])]
        case .describeMediaStorageConfiguration:
            [Link(.describeMappedResourceConfiguration, ["StreamARN": "$response.body#/MediaStorageConfiguration/StreamARN"])]
        case .describeMappedResourceConfiguration:
            [Link(.describeMediaStorageConfiguration, ["ChannelARN": "$response.body#/MappedResourceConfigurationList/0/ARN"])]
        case .tagResource, .untagResource: [Link(.listTagsForResource, ["ResourceARN": "$request.body#/ResourceARN"])]
        case .updateSignalingChannel: [Link(.describeSignalingChannel, ["ChannelARN": "$request.body#/ChannelARN"])]
        case .fetchEdgeConfigurations:
            [
                Link(
                    .acknowledgeEdgeConfiguration,
                    [
                        "HubDeviceArn": "$request.body#/HubDeviceArn", "StreamARN": "$response.body#/EdgeConfigurations/0/StreamARN",
                        "Revision": "$response.body#/EdgeConfigurations/0/Revision",
                    ]),
                Link(
                    .reportEdgeAgentStatus,
                    ["HubDeviceArn": "$request.body#/HubDeviceArn", "StreamARN": "$response.body#/EdgeConfigurations/0/StreamARN"]),
            ]
        case .acknowledgeEdgeConfiguration:
            [
                Link(
                    .reportEdgeConfigurationResult,
                    [
                        "HubDeviceArn": "$request.body#/HubDeviceArn", "StreamARN": "$request.body#/StreamARN",
                        "Revision": "$request.body#/Revision",
                    ])
            ]
        case .deleteEdgeConfiguration, .deleteSignalingChannel, .deleteStream, .describeEdgeConfiguration,
            .describeImageGenerationConfiguration, .describeNotificationConfiguration, .describeStreamStorageConfiguration,
            .getDataEndpoint, .getSignalingChannelEndpoint, .listTagsForResource, .listTagsForStream, .tagStream, .untagStream,
            .updateDataRetention, .updateImageGenerationConfiguration, .updateNotificationConfiguration, .updateStream,
            .updateStreamStorageConfiguration, .reportEdgeAgentStatus, .reportEdgeConfigurationResult:
            []
        }
    }
}
