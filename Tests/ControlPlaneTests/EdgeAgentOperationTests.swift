import Contract
import Identity
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// What edge agents are answered.
@Suite struct EdgeAgentOperationTests {
    /// The body of a call about the stream `gate`.
    private static func body(
        _ revision: String, _ members: String = "", hub: String = Fixture.hub, stream: String = Wire.streamARN
    ) -> String {
        #"{"HubDeviceArn":"\#(hub)","StreamARN":"\#(stream)","Revision":"\#(revision)"\#(members)}"#
    }

    private static let succeeded = #","Result":"SUCCEEDED""#
    private static let failed = #","Result":"FAILED""#

    // MARK: AcknowledgeEdgeConfiguration and ReportEdgeConfigurationResult

    @Test func `a configuration is acknowledged, applied and deleted, word by word`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            let start = #"{"StreamName":"gate","EdgeConfig":\#(Wire.edgeConfig())}"#
            func revision() async throws -> String { try #require(try await plane.store.edgeConfiguration(.named("gate"))?.revision) }
            func acknowledge() async throws -> String {
                try await plane.call(.acknowledgeEdgeConfiguration, Self.body(revision()), .agent())
            }
            func report(_ result: String) async throws -> String {
                try await plane.call(.reportEdgeConfigurationResult, Self.body(revision(), result), .agent())
            }
            _ = try await plane.call(.startEdgeConfigurationUpdate, start)
            #expect(try await acknowledge() == #"{"SyncStatus":"ACKNOWLEDGED"}"#)
            #expect(try await acknowledge() == #"{"SyncStatus":"ACKNOWLEDGED"}"#)
            let details = #","FailedStatusDetails":"The camera does not answer: é 日本 🎏""#
            #expect(try await report(Self.failed + details) == #"{"SyncStatus":"SYNC_FAILED"}"#)
            #expect(try await report(Self.failed) == #"{"SyncStatus":"SYNC_FAILED"}"#)
            let described = try await plane.call(.describeEdgeConfiguration, #"{"StreamName":"gate"}"#)
            #expect(described.contains(#""FailedStatusDetails":"The camera does not answer: é 日本 🎏""#))
            _ = try await plane.call(.startEdgeConfigurationUpdate, start)
            #expect(try await acknowledge() == #"{"SyncStatus":"ACKNOWLEDGED"}"#)
            #expect(try await report(Self.succeeded) == #"{"SyncStatus":"IN_SYNC"}"#)
            #expect(try await report(Self.succeeded) == #"{"SyncStatus":"IN_SYNC"}"#)
            _ = try await plane.call(.deleteEdgeConfiguration, #"{"StreamName":"gate"}"#)
            #expect(try await report(Self.failed) == #"{"SyncStatus":"DELETE_FAILED"}"#)
            _ = try await plane.call(.deleteEdgeConfiguration, #"{"StreamName":"gate"}"#)
            #expect(try await acknowledge() == #"{"SyncStatus":"DELETING_ACKNOWLEDGED"}"#)
            #expect(try await acknowledge() == #"{"SyncStatus":"DELETING_ACKNOWLEDGED"}"#)
            #expect(try await report(Self.succeeded) == "{}")
            #expect(try await plane.store.edgeConfiguration(.named("gate")) == nil)
            #expect(plane.hintCount == 0)
        }
    }

    @Test(arguments: [EdgeStatus.acknowledged, .deletingAcknowledged]) func `a repeated acknowledgement restarts the agent's time only`(
        _ status: EdgeStatus
    ) async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(status)
            try plane.database.clock.advance(by: 600)
            _ = try await plane.call(.acknowledgeEdgeConfiguration, Self.body(found.revision), .agent())
            #expect(
                try plane.database.rows("SELECT deadline FROM edge_configuration")
                    == [[.integer(plane.database.clock.now + Plane.edgeTimeout)]])
            #expect(try await plane.store.edgeConfiguration(.named("gate")) == found)
        }
    }

    private static let words: [(OperationID, String)] = [
        (.acknowledgeEdgeConfiguration, ""), (.reportEdgeConfigurationResult, succeeded), (.reportEdgeConfigurationResult, failed),
    ]

    @Test(arguments: words) func `an agent speaks of a configuration of its own, in its present revision`(
        _ operation: OperationID, _ members: String
    ) async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(.acknowledged)
            _ = try await plane.active("without")
            let other = Fixture.hub + "2"
            // Of another thing, of an earlier stream, of a stream without one, of no stream.
            for (body, name, caller) in [
                (Self.body(found.revision, members, hub: other), "gate", Caller.agent(other)),
                (Self.body(found.revision, members, stream: Wire.arn(.stream, "gate", time: 1)), "gate", .agent()),
                (Self.body(found.revision, members, stream: Wire.arn(.stream, "without")), "without", .agent()),
                (Self.body(found.revision, members, stream: Wire.arn(.stream, "absent")), "absent", .agent()),
            ] {
                let missing = try await plane.refusal(operation, body, caller)
                #expect(missing.code == .streamEdgeConfigurationNotFound)
                #expect(missing.publicMessage == "The stream \(name) has no edge configuration.")
            }
            let stale = try await plane.refusal(operation, Self.body("other", members), .agent())
            #expect(stale.code == .versionMismatch)
            #expect(
                stale.publicMessage
                    == "The edge configuration of the stream gate is not in the revision other any more: fetch it again.")
            let calls = plane.callCount
            let foreign = Wire.arn(.stream, "gate", account: "999988887777")
            #expect(try await plane.refusal(operation, Self.body("r", members, stream: foreign), .agent()).code == .accessDenied)
            let wrongType = try await plane.refusal(operation, Self.body("r", members, stream: Wire.channelARN), .agent())
            #expect(wrongType.code == .invalidArgument)
            #expect(wrongType.publicMessage == "StreamARN \(Wire.channelARN) is not the ARN of a stream.")
            #expect(plane.callCount == calls)
            #expect(try await plane.store.edgeConfiguration(.named("gate")) == found)
        }
    }

    @Test func `details go with a failure, in characters that every database keeps`() async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(.acknowledged)
            for (members, message) in [
                (
                    Self.succeeded + #","FailedStatusDetails":"why""#,
                    "FailedStatusDetails goes with the result FAILED only."
                ),
                (
                    Self.failed + #","FailedStatusDetails":"a\u0000b""#,
                    "FailedStatusDetails must not contain the character U+0000."
                ),
            ] {
                let refusal = try await plane.refusal(.reportEdgeConfigurationResult, Self.body(found.revision, members), .agent())
                #expect(refusal.code == .invalidArgument)
                #expect(refusal.publicMessage == message)
            }
            #expect(plane.callCount == 0)
        }
    }

    @Test func `a word that comes while the deadline passes is looked at again`() async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(.acknowledged)
            let gate = Gate()
            plane.faults.inject(.hold(gate), on: "edge.move")
            async let refusal = plane.refusal(.reportEdgeConfigurationResult, Self.body(found.revision, Self.succeeded), .agent())
            try await eventually("the agent's word is on its way") { gate.arrived == 1 }
            try plane.database.setEdgeStatus("SYNC_FAILED")
            gate.open()
            let error = try await refusal
            #expect(error.code == .resourceInUse)
            #expect(error.publicMessage == "The edge configuration of the stream gate is SYNC_FAILED, which does not allow this.")
        }
    }

    @Test func `a configuration that others keep changing is in use for its agent too`() async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(.syncing)
            let moves = [Gate(), Gate(), Gate()]
            for gate in moves { plane.faults.inject(.hold(gate), on: "edge.move") }
            async let refusal = plane.refusal(.reportEdgeConfigurationResult, Self.body(found.revision, Self.failed), .agent())
            for (index, gate) in moves.enumerated() {
                try await eventually("attempt \(index)") { gate.arrived == 1 }
                try plane.database.setEdgeStatus(index % 2 == 0 ? "ACKNOWLEDGED" : "SYNCING")
                gate.open()
            }
            let error = try await refusal
            #expect(error.code == .resourceInUse)
            #expect(error.publicMessage == "The edge configuration of the stream gate is being changed by others: try again.")
        }
    }

    @Test func `a word whose answer was lost is found to be heard`() async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(.syncing)
            plane.faults.inject(.loseAnswer, on: "edge.move")
            #expect(
                try await plane.call(.acknowledgeEdgeConfiguration, Self.body(found.revision), .agent())
                    == #"{"SyncStatus":"ACKNOWLEDGED"}"#)
            #expect(plane.faults.isSpent)
            plane.faults.inject(.loseCall, on: "edge.move")
            let body = Self.body(found.revision, Self.succeeded)
            #expect(try await plane.refusal(.reportEdgeConfigurationResult, body, .agent()).code == .serviceUnavailable)
            #expect(try await plane.call(.reportEdgeConfigurationResult, body, .agent()) == #"{"SyncStatus":"IN_SYNC"}"#)
        }
    }

    // MARK: ReportEdgeAgentStatus

    private static func status(_ members: String, hub: String = Fixture.hub, stream: String = Wire.streamARN) -> String {
        #"{"HubDeviceArn":"\#(hub)","StreamARN":"\#(stream)"\#(members)}"#
    }

    @Test func `reports are seen in DescribeEdgeConfiguration`() async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.inSync)
            func agentStatus() async throws -> String {
                let answer = try await plane.call(.describeEdgeConfiguration, #"{"StreamName":"gate"}"#)
                let start = answer.firstRange(of: #""EdgeAgentStatus":"#)
                let end = try #require(answer.firstRange(of: #","EdgeConfig":"#))
                return start.map { String(answer[$0.upperBound..<end.lowerBound]) } ?? "none"
            }
            #expect(try await agentStatus() == "none")
            try plane.database.clock.advance(by: 79)
            #expect(try await plane.call(.reportEdgeAgentStatus, Self.status(#","RecorderStatus":{"Status":"SUCCESS"}"#), .agent()) == "")
            let recorder =
                #""LastRecorderStatus":{"LastCollectedTime":1705489836.5,"LastUpdatedTime":1705489836.5,"RecorderStatus":"SUCCESS"}"#
            #expect(try await agentStatus() == "{\(recorder)}")
            let report = #"{"JobStatusDetails":"disk é full","LastCollectedTime":1705489800.25,"Status":"USER_ERROR"}"#
            #expect(try await plane.call(.reportEdgeAgentStatus, Self.status(#","UploaderStatus":\#(report)"#), .agent()) == "")
            let uploader =
                #""LastUploaderStatus":{"JobStatusDetails":"disk é full","LastCollectedTime":1705489800.25,"#
                + #""LastUpdatedTime":1705489836.5,"UploaderStatus":"USER_ERROR"}"#
            #expect(try await agentStatus() == "{\(recorder),\(uploader)}")
            // Both at once, and the one before is forgotten as a whole.
            let both = #","RecorderStatus":{"Status":"SYSTEM_ERROR","JobStatusDetails":""},"UploaderStatus":{"Status":"SUCCESS"}"#
            #expect(try await plane.call(.reportEdgeAgentStatus, Self.status(both), .agent()) == "")
            let now = #""LastCollectedTime":1705489836.5,"LastUpdatedTime":1705489836.5"#
            #expect(
                try await agentStatus()
                    == #"{"LastRecorderStatus":{"JobStatusDetails":"",\#(now),"RecorderStatus":"SYSTEM_ERROR"},"#
                    + #""LastUploaderStatus":{\#(now),"UploaderStatus":"SUCCESS"}}"#)
        }
    }

    @Test func `a report needs a job, a configuration of the agent's own, and storable text`() async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.inSync)
            let nothing = try await plane.refusal(.reportEdgeAgentStatus, Self.status(""), .agent())
            #expect(nothing.code == .invalidArgument)
            #expect(nothing.publicMessage == "RecorderStatus or UploaderStatus is required: report at least one.")
            for member in ["RecorderStatus", "UploaderStatus"] {
                let refusal = try await plane.refusal(
                    .reportEdgeAgentStatus, Self.status(#","\#(member)":{"Status":"SUCCESS","JobStatusDetails":"\u0000"}"#), .agent())
                #expect(refusal.code == .invalidArgument)
                #expect(refusal.publicMessage == "\(member).JobStatusDetails must not contain the character U+0000.")
            }
            #expect(plane.callCount == 0)
            let job = #","RecorderStatus":{"Status":"SUCCESS"}"#
            let other = Fixture.hub + "2"
            for (body, caller) in [
                (Self.status(job, hub: other), Caller.agent(other)),
                (Self.status(job, stream: Wire.arn(.stream, "gate", time: 1)), .agent()),
                (Self.status(job, stream: Wire.arn(.stream, "absent")), .agent()),
            ] {
                #expect(try await plane.refusal(.reportEdgeAgentStatus, body, caller).code == .streamEdgeConfigurationNotFound)
            }
        }
    }
}
