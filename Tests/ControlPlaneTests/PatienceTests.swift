import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// Changes that meet a passing status.
@Suite struct PatienceTests {
    private static let long = Duration.seconds(60)

    /// Changes of the stream `gate` and the channel `door`, which must both be ACTIVE for them. `V` is the version of what is changed.
    private static let changes: [(OperationID, String)] = [
        (.updateStream, #"{"StreamName":"gate","CurrentVersion":"V","DeviceName":"lens"}"#),
        (
            .updateDataRetention,
            #"{"StreamName":"gate","CurrentVersion":"V","Operation":"INCREASE_DATA_RETENTION","DataRetentionChangeInHours":1}"#
        ),
        (.updateImageGenerationConfiguration, #"{"StreamName":"gate"}"#), (.updateNotificationConfiguration, #"{"StreamName":"gate"}"#),
        (.deleteStream, #"{"StreamARN":"\#(Wire.streamARN)"}"#), (.deleteSignalingChannel, #"{"ChannelARN":"\#(Wire.channelARN)"}"#),
        (
            .updateSignalingChannel,
            #"{"ChannelARN":"\#(Wire.channelARN)","CurrentVersion":"V","SingleMasterConfiguration":{"MessageTtlSeconds":30}}"#
        ),
        (
            .updateMediaStorageConfiguration,
            #"{"ChannelARN":"\#(Wire.channelARN)","MediaStorageConfiguration":{"Status":"ENABLED","StreamARN":"\#(Wire.streamARN)"}}"#
        ),
        (.startEdgeConfigurationUpdate, #"{"StreamName":"gate","EdgeConfig":\#(Wire.edgeConfig())}"#),
    ]

    /// Both ACTIVE, and then in the status.
    private static func prepare(_ plane: Plane, _ status: ResourceStatus) async throws {
        _ = try await plane.active()
        _ = try await plane.activeChannel()
        for kind in ResourceKind.allCases { try plane.setStatus(status, of: kind) }
        plane.faults.reset()
    }

    private static func body(_ operation: OperationID, _ template: String, _ plane: Plane) async throws -> String {
        let version =
            operation == .updateSignalingChannel
            ? try await plane.store.channel(.named("door", kind: .channel))?.version : try await plane.store.stream(.named("gate"))?.version
        return template.replacing("\"V\"", with: "\"\(version ?? "")\"")
    }

    @Test(arguments: changes, [ResourceStatus.creating, .updating]) func `a passing status is waited for`(
        _ change: (OperationID, String), _ status: ResourceStatus
    ) async throws {
        try await Plane.with(patience: Self.long) { plane in
            try await Self.prepare(plane, status)
            let body = try await Self.body(change.0, change.1, plane)
            plane.faults.reset()
            async let answer = plane.call(change.0, body)
            // It was refused, and has looked more than once.
            try await eventually("it waits") { plane.faults.reads.filter { $0.hasSuffix(".state") }.count > 2 }
            for kind in ResourceKind.allCases { try plane.setStatus(.active, of: kind) }
            _ = try await answer
        }
    }

    @Test(arguments: changes) func `what an operator wants to last is refused at once, as is what does not pass`(
        _ change: (OperationID, String)
    ) async throws {
        let durations: [(ResourceStatus, MinimumDurations)] = [
            (.creating, MinimumDurations(creating: 1)), (.updating, MinimumDurations(updating: 1)), (.deleting, MinimumDurations()),
        ]
        for (status, durations) in durations {
            try await Plane.with(durations: durations, patience: Self.long) { plane in
                try await Self.prepare(plane, status)
                let refusal = try await plane.refusal(change.0, try await Self.body(change.0, change.1, plane))
                #expect(refusal.code == .resourceInUse && refusal.publicMessage.contains(" is \(status.rawValue): "))
            }
        }
    }

    @Test func `a status that does not pass in time is refused, and who stops waits for nothing`() async throws {
        for (patience, stops) in [(Duration.milliseconds(20), false), (Self.long, true)] {
            try await Plane.with(patience: patience) { plane in
                try await Self.prepare(plane, .updating)
                if stops { plane.stop() }
                let refusal = try await plane.refusal(.deleteStream, #"{"StreamARN":"\#(Wire.streamARN)"}"#)
                #expect(refusal.publicMessage == "The stream gate is UPDATING: try again once it is ACTIVE.")
                #expect(try await plane.store.stream(.named("gate"))?.status == .updating)
            }
        }
    }

    /// As services make their calls one after the other, with a worker elsewhere that is not told of any.
    @Test(arguments: Engine.allCases) func `no link of a chain of calls is refused`(_ engine: Engine) async throws {
        try await Plane.with(engine, patience: Self.long) { plane in
            let worker = Task {
                while !Task.isCancelled {
                    try await plane.store.finishTasks()
                    try? await Task.sleep(for: .milliseconds(30))
                }
            }
            defer { worker.cancel() }
            let answers = try await atOnce(16) { number in
                for link in 0..<3 {
                    let name = "n\(number)-\(link)"
                    let stream = try Wire.values("StreamARN", in: try await plane.call(.createStream, #"{"StreamName":"\#(name)"}"#))
                    let told = try await plane.call(.describeStream, #"{"StreamName":"\#(name)"}"#)
                    _ = try await plane.call(
                        .updateDataRetention,
                        """
                        {"StreamName":"\(name)","CurrentVersion":"\(try Wire.values("Version", in: told)[0])",\
                        "Operation":"INCREASE_DATA_RETENTION","DataRetentionChangeInHours":24}
                        """)
                    let channel = try Wire.values(
                        "ChannelARN", in: try await plane.call(.createSignalingChannel, #"{"ChannelName":"\#(name)"}"#))
                    _ = try await plane.call(
                        .updateMediaStorageConfiguration,
                        """
                        {"ChannelARN":"\(channel[0])","MediaStorageConfiguration":{"Status":"ENABLED","StreamARN":"\(stream[0])"}}
                        """)
                }
                return number
            }
            #expect(answers.count == 16)
        }
    }
}
