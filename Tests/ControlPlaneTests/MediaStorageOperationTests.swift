import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// What the operations on the mapping of channels to streams answer.
@Suite struct MediaStorageOperationTests {
    private static func update(
        _ status: String, stream: String? = Wire.streamARN, channel: String = Wire.channelARN
    ) -> String {
        let streamARN = stream.map { #","StreamARN":"\#($0)""# } ?? ""
        return #"{"ChannelARN":"\#(channel)","MediaStorageConfiguration":{"Status":"\#(status)"\#(streamARN)}}"#
    }

    private static let describe = #"{"ChannelName":"door"}"#
    private static let disabled = #"{"MediaStorageConfiguration":{"Status":"DISABLED"}}"#

    /// A stream `gate` and a channel `door`, ACTIVE.
    private static func with(_ body: (Plane) async throws -> Void) async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            _ = try await plane.activeChannel()
            try await body(plane)
        }
    }

    @Test func `a mapping is seen from both sides, and undone`() async throws {
        try await Self.with { plane in
            let (stream, channel) = (
                try await plane.store.stream(.named("gate")), try await plane.store.channel(.named("door", kind: .channel))
            )
            #expect(try await plane.call(.describeMediaStorageConfiguration, Self.describe) == Self.disabled)
            for mapped in [#"{"StreamName":"gate"}"#, #"{"StreamARN":"\#(Wire.streamARN)","MaxResults":1,"NextToken":""}"#] {
                #expect(
                    try await plane.call(.describeMappedResourceConfiguration, mapped) == #"{"MappedResourceConfigurationList":[]}"#)
            }
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED")) == "")
            for body in [Self.describe, #"{"ChannelARN":"\#(Wire.channelARN)"}"#] {
                #expect(
                    try await plane.call(.describeMediaStorageConfiguration, body)
                        == #"{"MediaStorageConfiguration":{"StreamARN":"\#(Wire.streamARN)","Status":"ENABLED"}}"#)
            }
            #expect(
                try await plane.call(.describeMappedResourceConfiguration, #"{"StreamName":"gate"}"#)
                    == #"{"MappedResourceConfigurationList":[{"Type":"CHANNEL","ARN":"\#(Wire.channelARN)"}]}"#)
            #expect(try await plane.store.channel(.named("door", kind: .channel))?.version == channel?.version)
            // DISABLED needs no stream, and may name one.
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("DISABLED", stream: nil)) == "")
            #expect(try await plane.call(.describeMediaStorageConfiguration, Self.describe) == Self.disabled)
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("DISABLED")) == "")
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("DISABLED", stream: "")) == "")
            #expect(try await plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED", stream: "")).code == .validation)
            #expect(try await plane.store.channel(.named("door", kind: .channel)) == channel)
            #expect(try await plane.store.stream(.named("gate")) == stream)
            // Nothing is left to do for a worker.
            #expect(plane.hintCount == 0)
            #expect(
                try await plane.store.events(of: Wire.channelARN).suffix(4).map(\.type)
                    == Array(repeating: "UpdateMediaStorageConfiguration", count: 4))
        }
    }

    @Test(arguments: ResourceStatus.allCases) func `both are described in every status`(_ status: ResourceStatus) async throws {
        try await Self.with { plane in
            _ = try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED"))
            for kind in ResourceKind.allCases { try plane.setStatus(status, of: kind) }
            #expect(try await plane.call(.describeMediaStorageConfiguration, Self.describe).contains(Wire.streamARN))
            #expect(
                try await plane.call(.describeMappedResourceConfiguration, #"{"StreamName":"gate"}"#).contains(Wire.channelARN))
        }
    }

    @Test func `ENABLED needs a stream of the caller's`() async throws {
        try await Self.with { plane in
            let absent = try await plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED", stream: nil))
            #expect(absent.code == .invalidArgument)
            #expect(
                absent.publicMessage
                    == "MediaStorageConfiguration.StreamARN is required: name the stream that is to hold the channel's media.")
            let foreign = Wire.arn(.stream, "gate", account: "999988887777")
            for status in ["ENABLED", "DISABLED"] {
                let denied = try await plane.refusal(.updateMediaStorageConfiguration, Self.update(status, stream: foreign))
                #expect(denied.code == .accessDenied)
                #expect(denied.publicMessage.hasSuffix("kinesisvideo:UpdateMediaStorageConfiguration on resource: \(foreign)"))
                let wrongType = try await plane.refusal(
                    .updateMediaStorageConfiguration, Self.update(status, stream: Wire.arn(.channel, "door")))
                #expect(wrongType.code == .invalidArgument)
                #expect(wrongType.publicMessage == "StreamARN \(Wire.channelARN) is not the ARN of a stream.")
                let abroad = try await plane.refusal(
                    .updateMediaStorageConfiguration, Self.update(status, stream: Wire.arn(.stream, "gate", region: "eu-west-2")))
                #expect(abroad.code == .invalidArgument)
            }
            #expect(plane.callCount == 0)
            for arn in [Wire.arn(.stream, "gate", time: 1), Wire.arn(.stream, "door")] {
                let missing = try await plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED", stream: arn))
                #expect(missing.code == .resourceNotFound)
                #expect(missing.publicMessage == "The requested stream is not found or not active.")
            }
        }
    }

    @Test(arguments: [ResourceStatus.creating, .updating, .deleting]) func `channel and stream must be ACTIVE`(_ status: ResourceStatus)
        async throws
    {
        try await Self.with { plane in
            try plane.setStatus(status)
            let stream = try await plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED"))
            #expect(stream.code == .resourceInUse)
            #expect(stream.publicMessage == "The stream gate is \(status.rawValue): try again once it is ACTIVE.")
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("DISABLED")) == "")
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("DISABLED", stream: "")) == "")
            #expect(try await plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED", stream: "")).code == .validation)
            try plane.setStatus(.active)
            try plane.setStatus(status, of: .channel)
            for target in ["ENABLED", "DISABLED"] {
                let channel = try await plane.refusal(.updateMediaStorageConfiguration, Self.update(target))
                #expect(channel.code == .resourceInUse)
                #expect(channel.publicMessage == "The channel door is \(status.rawValue): try again once it is ACTIVE.")
            }
        }
    }

    @Test func `neither side of a mapping is deleted`() async throws {
        try await Self.with { plane in
            _ = try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED"))
            for (operation, member, arn, what) in [
                (OperationID.deleteStream, "StreamARN", Wire.streamARN, "stream"),
                (.deleteSignalingChannel, "ChannelARN", Wire.channelARN, "channel"),
            ] {
                let refusal = try await plane.refusal(operation, #"{"\#(member)":"\#(arn)"}"#)
                #expect(refusal.code == .resourceInUse)
                #expect(refusal.publicMessage == "Disable MediaStorageConfiguration to delete the \(what)")
                // The version is looked at first.
                let outdated = try await plane.refusal(operation, #"{"\#(member)":"\#(arn)","CurrentVersion":"other"}"#)
                #expect(outdated.code == .versionMismatch)
            }
            #expect(try await plane.store.mappedChannel(streamARN: Wire.streamARN) == Wire.channelARN)
            _ = try await plane.call(.updateMediaStorageConfiguration, Self.update("DISABLED", stream: nil))
            _ = try await plane.call(.deleteStream, #"{"StreamARN":"\#(Wire.streamARN)"}"#)
            _ = try await plane.call(.deleteSignalingChannel, #"{"ChannelARN":"\#(Wire.channelARN)"}"#)
        }
    }

    @Test func `the stream must keep media`() async throws {
        try await Self.with { plane in
            try plane.database.execute("UPDATE stream SET data_retention_in_hours = 0")
            let refusal = try await plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED"))
            #expect(refusal.code == .noDataRetention)
            #expect(
                refusal.publicMessage
                    == "The stream gate has a retention of 0 hours, and media storage needs media that is kept: raise it with UpdateDataRetention."
            )
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("DISABLED")) == "")
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("DISABLED", stream: "")) == "")
            #expect(try await plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED", stream: "")).code == .validation)
            try plane.database.execute("UPDATE stream SET data_retention_in_hours = 1")
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED")) == "")
            // Lowered later, the retention leaves the mapping.
            try plane.database.execute("UPDATE stream SET data_retention_in_hours = 0")
            #expect(try await plane.call(.describeMediaStorageConfiguration, Self.describe).contains("ENABLED"))
        }
    }

    @Test func `a mapping is one to one, and says with whom`() async throws {
        try await Self.with { plane in
            _ = try await plane.active("gate2")
            _ = try await plane.activeChannel("door2")
            _ = try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED"))
            let taken = try await plane.refusal(
                .updateMediaStorageConfiguration, Self.update("ENABLED", channel: Wire.arn(.channel, "door2")))
            #expect(taken.code == .resourceInUse)
            #expect(
                taken.publicMessage
                    == "The stream \(Wire.streamARN) holds the media of the channel \(Wire.channelARN) already: disable that first.")
            let busy = try await plane.refusal(
                .updateMediaStorageConfiguration, Self.update("ENABLED", stream: Wire.arn(.stream, "gate2")))
            #expect(busy.code == .resourceInUse)
            #expect(
                busy.publicMessage
                    == "The channel door stores its media in the stream \(Wire.streamARN) already: disable that first.")
            // The same once more is no conflict.
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED")) == "")
        }
    }

    @Test func `a repeated call is answered as before`() async throws {
        try await Self.with { plane in
            _ = try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED"), .test(invocation: "i"))
            try plane.setStatus(.updating, of: .channel)
            #expect(try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED"), .test(invocation: "i")) == "")
            #expect(
                try await plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED"), .test(invocation: "j")).code
                    == .resourceInUse)
        }
    }

    @Test func `a stream that is given free while it is looked at is mapped after all`() async throws {
        try await Self.with { plane in
            _ = try await plane.activeChannel("door2")
            _ = try await plane.call(.updateMediaStorageConfiguration, Self.update("ENABLED"))
            let gate = Gate()
            plane.faults.inject(.hold(gate), on: "channel.mapped-to")
            async let answer = plane.call(
                .updateMediaStorageConfiguration, Self.update("ENABLED", channel: Wire.arn(.channel, "door2")))
            try await eventually("the stream was seen to be in use") { gate.arrived == 1 }
            _ = try await plane.store.disableMediaStorage(.named("door", kind: .channel), .fresh())
            gate.open()
            #expect(try await answer == "")
            #expect(try await plane.store.mappedChannel(streamARN: Wire.streamARN) == Wire.arn(.channel, "door2"))
        }
    }

    @Test func `what others keep changing is in use`() async throws {
        try await Self.with { plane in
            let lookedAt = [Gate(), Gate(), Gate()]
            let triedAgain = [Gate(), Gate()]
            for gate in lookedAt { plane.faults.inject(.hold(gate), on: "channel.find") }
            for gate in triedAgain { plane.faults.inject(.hold(gate), on: "channel.enable-media-storage", skipping: 1) }
            try plane.setStatus(.updating, of: .channel)
            async let refusal = plane.refusal(.updateMediaStorageConfiguration, Self.update("ENABLED"))
            for (index, gate) in lookedAt.enumerated() {
                try await eventually("refusal \(index)") { gate.arrived == 1 }
                try plane.setStatus(.active, of: .channel)
                gate.open()
                guard index < triedAgain.count else { break }
                try await eventually("attempt \(index)") { triedAgain[index].arrived == 1 }
                try plane.setStatus(.updating, of: .channel)
                triedAgain[index].open()
            }
            let error = try await refusal
            #expect(error.code == .resourceInUse)
            #expect(error.publicMessage == "The channel door or its stream is being changed by others: try again.")
        }
    }

    @Test func `no page of mapped resources follows`() async throws {
        try await Self.with { plane in
            let refusal = try await plane.refusal(
                .describeMappedResourceConfiguration, #"{"StreamName":"gate","NextToken":"AAAA"}"#)
            #expect(refusal.code == .invalidArgument)
            #expect(refusal.publicMessage.hasPrefix("NextToken is not valid for this call"))
            #expect(
                try await plane.refusal(.describeMappedResourceConfiguration, #"{"StreamName":"absent"}"#).code == .resourceNotFound)
        }
    }
}
