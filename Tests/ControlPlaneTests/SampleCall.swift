import Contract
import Identity
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// A call of each operation that succeeds, with what must be there before.
struct SampleCall: Sendable, CustomTestStringConvertible {
    let operation: OperationID
    /// VERSION, CHANNELVERSION and REVISION stand for those of the stream `gate`, the channel `door` and the edge configuration.
    private let template: String
    /// The status of the edge configuration that the stream `gate` must have; nil where it must have none.
    private let edge: EdgeStatus?

    private init(_ operation: OperationID, _ template: String, edge: EdgeStatus? = nil) {
        self.operation = operation
        self.template = template
        self.edge = edge
    }

    var testDescription: String { operation.rawValue }

    /// Who may make it.
    var caller: Caller {
        switch operation.api {
        case .controlPlane, .media, .archivedMedia, .signaling: .test()
        case .edgeAgent: .agent()
        }
    }

    /// The body as it can be checked, while nothing is there yet.
    var body: String { filled(version: "v", channelVersion: "v", revision: "r") }

    /// Sees to what must be there; returns the body.
    func prepare(_ plane: Plane) async throws -> String {
        _ = try await plane.store.createActive("gate")
        _ = try await plane.store.createActiveChannel("door")
        if let edge {
            try await plane.store.startEdge("gate", configuration: Wire.edgeConfig())
            try plane.database.setEdgeStatus(edge.rawValue)
        }
        let version = try #require(try await plane.store.stream(.named("gate"))?.version)
        let channelVersion = try #require(try await plane.store.channel(.named("door", kind: .channel))?.version)
        let revision = try await plane.store.edgeConfiguration(.named("gate"))?.revision
        plane.faults.reset()
        return filled(version: version, channelVersion: channelVersion, revision: revision ?? "r")
    }

    private func filled(version: String, channelVersion: String, revision: String) -> String {
        template.replacing("CHANNELVERSION", with: channelVersion).replacing("VERSION", with: version)
            .replacing("REVISION", with: revision)
    }

    static let all: [SampleCall] = [
        SampleCall(.createSignalingChannel, #"{"ChannelName":"new"}"#),
        SampleCall(.createStream, #"{"StreamName":"new"}"#),
        SampleCall(.deleteEdgeConfiguration, #"{"StreamName":"gate"}"#, edge: .inSync),
        SampleCall(.deleteSignalingChannel, #"{"ChannelARN":"\#(Wire.channelARN)"}"#),
        SampleCall(.deleteStream, #"{"StreamARN":"\#(Wire.streamARN)"}"#),
        SampleCall(.describeEdgeConfiguration, #"{"StreamName":"gate"}"#, edge: .syncing),
        SampleCall(.describeImageGenerationConfiguration, #"{"StreamName":"gate"}"#),
        SampleCall(.describeMappedResourceConfiguration, #"{"StreamName":"gate"}"#),
        SampleCall(.describeMediaStorageConfiguration, #"{"ChannelName":"door"}"#),
        SampleCall(.describeNotificationConfiguration, #"{"StreamName":"gate"}"#),
        SampleCall(.describeSignalingChannel, #"{"ChannelName":"door"}"#),
        SampleCall(.describeStream, #"{"StreamName":"gate"}"#),
        SampleCall(.describeStreamStorageConfiguration, #"{"StreamName":"gate"}"#),
        SampleCall(.getDataEndpoint, #"{"StreamName":"gate","APIName":"PUT_MEDIA"}"#),
        SampleCall(.getSignalingChannelEndpoint, #"{"ChannelARN":"\#(Wire.channelARN)"}"#),
        SampleCall(.listEdgeAgentConfigurations, #"{"HubDeviceArn":"\#(Fixture.hub)"}"#),
        SampleCall(.listSignalingChannels, "{}"),
        SampleCall(.listStreams, "{}"),
        SampleCall(.listTagsForResource, #"{"ResourceARN":"\#(Wire.channelARN)"}"#),
        SampleCall(.listTagsForStream, #"{"StreamName":"gate"}"#),
        SampleCall(.startEdgeConfigurationUpdate, #"{"StreamName":"gate","EdgeConfig":\#(Wire.edgeConfig())}"#),
        SampleCall(.tagResource, #"{"ResourceARN":"\#(Wire.channelARN)","Tags":[{"Key":"a","Value":"1"}]}"#),
        SampleCall(.tagStream, #"{"StreamName":"gate","Tags":{"a":"1"}}"#),
        SampleCall(.untagResource, #"{"ResourceARN":"\#(Wire.channelARN)","TagKeyList":["a"]}"#),
        SampleCall(.untagStream, #"{"StreamName":"gate","TagKeyList":["a"]}"#),
        SampleCall(
            .updateDataRetention,
            #"{"StreamName":"gate","CurrentVersion":"VERSION","Operation":"INCREASE_DATA_RETENTION","DataRetentionChangeInHours":1}"#),
        SampleCall(.updateImageGenerationConfiguration, #"{"StreamName":"gate"}"#),
        SampleCall(
            .updateMediaStorageConfiguration,
            #"{"ChannelARN":"\#(Wire.channelARN)","MediaStorageConfiguration":{"Status":"ENABLED","StreamARN":"\#(Wire.streamARN)"}}"#),
        SampleCall(.updateNotificationConfiguration, #"{"StreamName":"gate"}"#),
        SampleCall(
            .updateSignalingChannel,
            #"{"ChannelARN":"\#(Wire.channelARN)","CurrentVersion":"CHANNELVERSION","SingleMasterConfiguration":{"MessageTtlSeconds":9}}"#),
        SampleCall(.updateStream, #"{"StreamName":"gate","CurrentVersion":"VERSION"}"#),
        SampleCall(
            .updateStreamStorageConfiguration,
            #"{"StreamName":"gate","CurrentVersion":"VERSION","StreamStorageConfiguration":{"DefaultStorageTier":"HOT"}}"#),
        SampleCall(.fetchEdgeConfigurations, #"{"HubDeviceArn":"\#(Fixture.hub)"}"#, edge: .syncing),
        SampleCall(
            .acknowledgeEdgeConfiguration,
            #"{"HubDeviceArn":"\#(Fixture.hub)","StreamARN":"\#(Wire.streamARN)","Revision":"REVISION"}"#, edge: .syncing),
        SampleCall(
            .reportEdgeConfigurationResult,
            #"{"HubDeviceArn":"\#(Fixture.hub)","StreamARN":"\#(Wire.streamARN)","Revision":"REVISION","Result":"SUCCEEDED"}"#,
            edge: .acknowledged),
        SampleCall(
            .reportEdgeAgentStatus,
            #"{"HubDeviceArn":"\#(Fixture.hub)","StreamARN":"\#(Wire.streamARN)","RecorderStatus":{"Status":"SUCCESS"}}"#, edge: .inSync),
    ]
}
