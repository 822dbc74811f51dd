import Contract
import Identity
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// What operators are answered about edge configurations.
@Suite struct EdgeOperationTests {
    private static let settled: [EdgeStatus] = [.inSync, .syncFailed, .deleteFailed]
    private static let atWork: [EdgeStatus] = [.syncing, .acknowledged, .deleting, .deletingAcknowledged]

    private static func start(_ config: String = Wire.edgeConfig(), stream: String = #""StreamName":"gate""#) -> String {
        #"{\#(stream),"EdgeConfig":\#(config)}"#
    }

    private static let gate = #"{"StreamName":"gate"}"#

    // MARK: StartEdgeConfigurationUpdate

    @Test func `an edge configuration is answered and described as it was given`() async throws {
        try await Plane.with { plane in
            let stream = try await plane.active()
            let config =
                #"{"DeletionConfig":{"DeleteAfterUpload":false,"EdgeRetentionInHours":720,"LocalSizeConfig":"#
                + #"{"MaxLocalMediaSizeInMB":64,"StrategyOnFullSize":"DELETE_OLDEST_MEDIA"}},"#
                + Wire.edgeConfig(recorder: "0 0 6-20 ? * MON-FRI", uploader: "0 0 22 * * ?").dropFirst()
            try plane.database.clock.advance(by: 79)
            let answer = try await plane.call(
                .startEdgeConfigurationUpdate, Self.start(config, stream: #""StreamARN":"\#(Wire.streamARN)""#))
            #expect(
                answer
                    == #"{"CreationTime":1705489836.5,"EdgeConfig":\#(config),"LastUpdatedTime":1705489836.5,"#
                    + #""StreamARN":"\#(Wire.streamARN)","StreamName":"gate","SyncStatus":"SYNCING"}"#)
            #expect(try await plane.call(.describeEdgeConfiguration, Self.gate) == answer)
            let revision = try #require(try await plane.store.edgeConfiguration(.named("gate"))?.revision)
            #expect(revision.wholeMatch(of: /[a-z][A-Za-z0-9]{19}/) != nil)
            #expect(
                try plane.database.rows("SELECT deadline FROM edge_configuration")
                    == [[.integer(plane.database.clock.now + Plane.edgeTimeout)]])
            // Neither the stream nor a worker has to do with it.
            #expect(try await plane.store.stream(.named("gate")) == stream)
            #expect(plane.hintCount == 0)
            #expect(try await plane.store.events(of: Wire.streamARN).last?.type == "StartEdgeConfigurationUpdate")
        }
    }

    @Test func `a schedule is a Quartz expression`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            for (config, owner) in [
                (Wire.edgeConfig(recorder: "0 0 25 * * ?"), "RecorderConfig"),
                (Wire.edgeConfig(recorder: "0 0 22 * * ?", uploader: "0 0 22 * * 9"), "UploaderConfig"),
                (Wire.edgeConfig(uploader: "every morning"), "UploaderConfig"),
            ] {
                let refusal = try await plane.refusal(.startEdgeConfigurationUpdate, Self.start(config))
                #expect(refusal.code == .invalidArgument)
                #expect(
                    refusal.publicMessage.hasPrefix("\(owner).ScheduleConfig.ScheduleExpression is not a Quartz cron expression: "))
                #expect(refusal.publicMessage.hasSuffix("."))
            }
            #expect(plane.callCount == 0)
        }
    }

    @Test func `the thing is one of the caller's account and region`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            let foreign = Fixture.hub.replacing(Fixture.account, with: "999988887777")
            let denied = try await plane.refusal(.startEdgeConfigurationUpdate, Self.start(Wire.edgeConfig(hub: foreign)))
            #expect(denied.code == .accessDenied)
            #expect(denied.publicMessage.hasSuffix("kinesisvideo:StartEdgeConfigurationUpdate on resource: \(foreign)"))
            let abroad = Fixture.hub.replacing("eu-west-1", with: "eu-west-2")
            let invalid = try await plane.refusal(.startEdgeConfigurationUpdate, Self.start(Wire.edgeConfig(hub: abroad)))
            #expect(invalid.code == .invalidArgument)
            #expect(invalid.publicMessage == "HubDeviceArn \(abroad) is not of the region eu-west-1, which the request was signed for.")
            for (hub, code) in [(foreign, ErrorCode.accessDenied), (abroad, .invalidArgument)] {
                #expect(try await plane.refusal(.listEdgeAgentConfigurations, #"{"HubDeviceArn":"\#(hub)"}"#).code == code)
            }
            #expect(plane.callCount == 0)
        }
    }

    @Test func `the stream must be ACTIVE and keep media`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            for status in [ResourceStatus.creating, .updating, .deleting] {
                try plane.setStatus(status)
                let refusal = try await plane.refusal(.startEdgeConfigurationUpdate, Self.start())
                #expect(refusal.code == .resourceInUse)
                #expect(refusal.publicMessage == "The stream gate is \(status.rawValue): try again once it is ACTIVE.")
            }
            try plane.setStatus(.active)
            try plane.database.execute("UPDATE stream SET data_retention_in_hours = 0")
            let refusal = try await plane.refusal(.startEdgeConfigurationUpdate, Self.start())
            #expect(refusal.code == .noDataRetention)
            #expect(
                refusal.publicMessage
                    == "The stream gate has a retention of 0 hours, and an edge configuration needs media that is kept: raise it with UpdateDataRetention."
            )
        }
    }

    @Test(arguments: atWork) func `a configuration at work is neither replaced nor deleted`(_ status: EdgeStatus) async throws {
        try await Plane.with { plane in
            let before = try await plane.edge(status)
            for (operation, body) in [
                (OperationID.startEdgeConfigurationUpdate, Self.start()), (.deleteEdgeConfiguration, Self.gate),
            ] {
                let refusal = try await plane.refusal(operation, body)
                #expect(refusal.code == .resourceInUse)
                #expect(
                    refusal.publicMessage
                        == "The edge configuration of the stream gate is \(status.rawValue): wait until its agent is done, or its time is over."
                )
            }
            #expect(try await plane.store.edgeConfiguration(.named("gate")) == before)
        }
    }

    @Test(arguments: settled) func `a settled configuration is replaced, by its own device`(_ status: EdgeStatus) async throws {
        try await Plane.with { plane in
            let before = try await plane.edge(status)
            let other = Fixture.hub + "2"
            let refusal = try await plane.refusal(.startEdgeConfigurationUpdate, Self.start(Wire.edgeConfig(hub: other)))
            #expect(refusal.code == .resourceInUse)
            #expect(
                refusal.publicMessage
                    == "The edge configuration of the stream gate is with \(Fixture.hub): delete it before another device gets it.")
            try plane.database.clock.advance(by: 79)
            let config = Wire.edgeConfig(uploader: "0 0 22 * * ?")
            #expect(
                try await plane.call(.startEdgeConfigurationUpdate, Self.start(config))
                    == #"{"CreationTime":1705489836.421,"EdgeConfig":\#(config),"LastUpdatedTime":1705489836.5,"#
                    + #""StreamARN":"\#(Wire.streamARN)","StreamName":"gate","SyncStatus":"SYNCING"}"#)
            #expect(try await plane.store.edgeConfiguration(.named("gate"))?.revision != before.revision)
        }
    }

    @Test func `a repeated StartEdgeConfigurationUpdate has the first answer, however far the agent is`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            func start(_ invocation: String) async throws -> String {
                try await plane.call(.startEdgeConfigurationUpdate, Self.start(), .test(invocation: invocation))
            }
            let first = try await start("i")
            #expect(try await start("i") == first)
            let found = try #require(try await plane.store.edgeConfiguration(.named("gate")))
            for members in ["", #","Result":"SUCCEEDED""#] {
                try plane.database.clock.advance(by: 1000)
                _ = try await plane.call(
                    members.isEmpty ? .acknowledgeEdgeConfiguration : .reportEdgeConfigurationResult,
                    #"{"HubDeviceArn":"\#(Fixture.hub)","StreamARN":"\#(Wire.streamARN)","Revision":"\#(found.revision)"\#(members)}"#,
                    .agent())
                #expect(try await start("i") == first)
            }
            #expect(try await plane.store.edgeConfiguration(.named("gate"))?.revision == found.revision)
            #expect(try await start("j") != first)
            #expect(try await plane.store.edgeConfiguration(.named("gate"))?.revision != found.revision)
        }
    }

    @Test func `a repeated StartEdgeConfigurationUpdate tells its own configuration, also once there is another or none`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            func start(_ config: String, _ invocation: String) async throws -> String {
                // The body's hash tells the calls apart, as the gateway's does.
                try await plane.call(.startEdgeConfigurationUpdate, Self.start(config), .test(invocation: invocation))
            }
            let config = Wire.edgeConfig(recorder: "0 0 22 * * ?")
            _ = try await start(config, "i")
            try plane.database.setEdgeStatus("IN_SYNC")
            _ = try await start(Wire.edgeConfig(), "j")
            let again = try await start(config, "i")
            #expect(again.contains(#""EdgeConfig":\#(config)"#))
            #expect(again.contains(#""SyncStatus":"SYNCING""#))
            #expect(try await plane.store.edgeConfiguration(.named("gate"))?.configuration == Wire.edgeConfig())
            try plane.database.execute("DELETE FROM edge_configuration")
            let gone = try await start(config, "i")
            #expect(
                gone == #"{"EdgeConfig":\#(config),"StreamARN":"\#(Wire.streamARN)","StreamName":"gate","SyncStatus":"SYNCING"}"#)
            #expect(try await plane.store.edgeConfiguration(.named("gate")) == nil)
        }
    }

    @Test func `a configuration that settles while it is looked at is replaced after all`() async throws {
        try await Plane.with { plane in
            let before = try await plane.edge(.syncing)
            for (operation, body, status) in [
                (OperationID.startEdgeConfigurationUpdate, Self.start(), "SYNCING"), (.deleteEdgeConfiguration, Self.gate, "DELETING"),
            ] {
                try plane.database.setEdgeStatus("ACKNOWLEDGED")
                let gate = Gate()
                plane.faults.inject(.hold(gate), on: "edge.find")
                async let answer = plane.call(operation, body)
                try await eventually("the refusal") { gate.arrived == 1 }
                try plane.database.setEdgeStatus("IN_SYNC")
                gate.open()
                _ = try await answer
                #expect(try await plane.store.edgeConfiguration(.named("gate"))?.status.rawValue == status)
                #expect(try await plane.store.edgeConfiguration(.named("gate"))?.revision != before.revision)
            }
        }
    }

    private static let changes: [(OperationID, String, String)] = [
        (.startEdgeConfigurationUpdate, start(), "edge.start"), (.deleteEdgeConfiguration, gate, "edge.delete"),
    ]

    @Test(arguments: changes) func `a configuration that others keep changing is in use`(
        _ operation: OperationID, _ body: String, _ statement: String
    ) async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.syncing)
            let lookedAt = [Gate(), Gate(), Gate()]
            let triedAgain = [Gate(), Gate()]
            for gate in lookedAt { plane.faults.inject(.hold(gate), on: "edge.find") }
            for gate in triedAgain { plane.faults.inject(.hold(gate), on: statement, skipping: 1) }
            async let refusal = plane.refusal(operation, body)
            for (index, gate) in lookedAt.enumerated() {
                try await eventually("refusal \(index)") { gate.arrived == 1 }
                try plane.database.setEdgeStatus("IN_SYNC")
                gate.open()
                guard index < triedAgain.count else { break }
                try await eventually("attempt \(index)") { triedAgain[index].arrived == 1 }
                try plane.database.setEdgeStatus("SYNCING")
                triedAgain[index].open()
            }
            let error = try await refusal
            #expect(error.code == .resourceInUse)
            #expect(error.publicMessage == "The edge configuration of the stream gate is being changed by others: try again.")
        }
    }

    // MARK: DeleteEdgeConfiguration and DescribeEdgeConfiguration

    private static let operations: [(OperationID, String)] = [
        (.startEdgeConfigurationUpdate, #","EdgeConfig":\#(Wire.edgeConfig())"#), (.deleteEdgeConfiguration, ""),
        (.describeEdgeConfiguration, ""),
    ]

    @Test(arguments: operations) func `a stream that is not there is not found, one of another account denied`(
        _ operation: OperationID, _ members: String
    ) async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.inSync)
            for stream in [#""StreamName":"absent""#, #""StreamARN":"\#(Wire.arn(.stream, "gate", time: 1))""#] {
                let missing = try await plane.refusal(operation, "{\(stream)\(members)}")
                #expect(missing.code == .resourceNotFound)
                #expect(missing.publicMessage == "The requested stream is not found or not active.")
            }
            let calls = plane.callCount
            let foreign = Wire.arn(.stream, "gate", account: "999988887777")
            let denied = try await plane.refusal(operation, #"{"StreamARN":"\#(foreign)"\#(members)}"#)
            #expect(denied.code == .accessDenied)
            #expect(denied.publicMessage.hasSuffix("kinesisvideo:\(operation.rawValue) on resource: \(foreign)"))
            let neither = try await plane.refusal(operation, "{\(members.dropFirst())}")
            #expect(neither.code == .invalidArgument)
            #expect(neither.publicMessage == "StreamName or StreamARN is required: name the stream by one of them.")
            #expect(plane.callCount == calls)
        }
    }

    @Test func `a stream without a configuration says so`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            for operation in [OperationID.deleteEdgeConfiguration, .describeEdgeConfiguration] {
                let refusal = try await plane.refusal(operation, Self.gate)
                #expect(refusal.code == .streamEdgeConfigurationNotFound)
                #expect(refusal.publicMessage == "The stream gate has no edge configuration.")
            }
        }
    }

    @Test(arguments: settled) func `DeleteEdgeConfiguration asks the agent, in any status of the stream but DELETING`(
        _ status: EdgeStatus
    ) async throws {
        try await Plane.with { plane in
            let before = try await plane.edge(status)
            try plane.setStatus(.deleting)
            #expect(try await plane.refusal(.deleteEdgeConfiguration, Self.gate).code == .resourceNotFound)
            for streamStatus in [ResourceStatus.creating, .active, .updating] {
                try plane.setStatus(streamStatus)
                try plane.database.setEdgeStatus(status.rawValue)
                try plane.database.execute("UPDATE stream SET data_retention_in_hours = 0")
                #expect(try await plane.call(.deleteEdgeConfiguration, #"{"StreamARN":"\#(Wire.streamARN)"}"#) == "")
                let found = try #require(try await plane.store.edgeConfiguration(.named("gate")))
                #expect(found.status == .deleting && found.revision != before.revision)
            }
            #expect(
                try plane.database.rows("SELECT deadline FROM edge_configuration")
                    == [[.integer(plane.database.clock.now + Plane.edgeTimeout)]])
            #expect(plane.hintCount == 0)
        }
    }

    @Test func `a repeated DeleteEdgeConfiguration is answered as before, also once the configuration is gone`() async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.inSync)
            #expect(try await plane.call(.deleteEdgeConfiguration, Self.gate, .test(invocation: "i")) == "")
            #expect(try await plane.call(.deleteEdgeConfiguration, Self.gate, .test(invocation: "i")) == "")
            try plane.database.execute("DELETE FROM edge_configuration")
            #expect(try await plane.call(.deleteEdgeConfiguration, Self.gate, .test(invocation: "i")) == "")
            #expect(
                try await plane.refusal(.deleteEdgeConfiguration, Self.gate, .test(invocation: "j")).code
                    == .streamEdgeConfigurationNotFound)
        }
    }

    @Test(arguments: EdgeStatus.allCases) func `a configuration is described in every status, of a stream in every status`(
        _ status: EdgeStatus
    ) async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(status)
            try plane.database.execute("UPDATE edge_configuration SET failed_status_details = 'no camera'")
            for streamStatus in ResourceStatus.allCases {
                try plane.setStatus(streamStatus)
                let answer = try await plane.call(.describeEdgeConfiguration, Self.gate)
                #expect(answer.contains(#""SyncStatus":"\#(status.rawValue)""#))
                #expect(answer.contains(#""FailedStatusDetails":"no camera""#))
            }
        }
    }

    @Test func `one of an earlier stream is none of its successor's`() async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.inSync)
            try plane.database.execute("UPDATE edge_configuration SET stream_arn = '\(Wire.arn(.stream, "gate", time: 1))'")
            #expect(
                try await plane.refusal(.describeEdgeConfiguration, Self.gate).code == .streamEdgeConfigurationNotFound)
        }
    }

    // MARK: ListEdgeAgentConfigurations

    @Test func `ListEdgeAgentConfigurations goes through all pages of a device`() async throws {
        try await Plane.with { plane in
            let names = ["B", "a", "a-1", "b", "c", "d", "e"]
            for name in names.reversed() { _ = try await plane.edge(.syncing, name) }
            _ = try await plane.edge(.syncing, "other", hub: Fixture.hub + "2")
            func pages(_ members: String, hub: String = Fixture.hub) async throws -> [[String]] {
                var pages: [[String]] = []
                var token: String? = ""
                while let next = token, pages.count < 10 {
                    let answer = try await plane.call(
                        .listEdgeAgentConfigurations, #"{"HubDeviceArn":"\#(hub)","NextToken":"\#(next)"\#(members)}"#)
                    pages.append(try Wire.values("StreamName", in: answer))
                    token = try Wire.values("NextToken", in: answer).first
                }
                return pages
            }
            #expect(try await pages("") == [["B", "a", "a-1", "b", "c"], ["d", "e"]])
            #expect(try await pages(#","MaxResults":3"#) == [["B", "a", "a-1"], ["b", "c", "d"], ["e"]])
            #expect(try await pages(#","MaxResults":7"#) == [names])
            #expect(try await pages("", hub: Fixture.hub + "2") == [["other"]])
            #expect(try await plane.call(.listEdgeAgentConfigurations, #"{"HubDeviceArn":"\#(Fixture.hub)3"}"#) == #"{"EdgeConfigs":[]}"#)
            // A token is bound to the device.
            let page = try await plane.call(.listEdgeAgentConfigurations, #"{"HubDeviceArn":"\#(Fixture.hub)","MaxResults":1}"#)
            let token = try #require(try Wire.values("NextToken", in: page).first)
            let refusal = try await plane.refusal(
                .listEdgeAgentConfigurations, #"{"HubDeviceArn":"\#(Fixture.hub)2","NextToken":"\#(token)"}"#)
            #expect(refusal.code == .invalidArgument)
            #expect(refusal.publicMessage.hasPrefix("NextToken is not valid for this call"))
        }
    }

    @Test func `ListEdgeAgentConfigurations tells what DescribeEdgeConfiguration does, without the agent's jobs`() async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.syncFailed)
            try plane.database.execute("UPDATE edge_configuration SET failed_status_details = 'no camera', recorder_status = 'SUCCESS'")
            #expect(
                try await plane.call(.listEdgeAgentConfigurations, #"{"HubDeviceArn":"\#(Fixture.hub)"}"#)
                    == #"{"EdgeConfigs":[{"CreationTime":1705489836.421,"EdgeConfig":\#(Wire.edgeConfig()),"#
                    + #""FailedStatusDetails":"no camera","LastUpdatedTime":1705489836.421,"StreamARN":"\#(Wire.streamARN)","#
                    + #""StreamName":"gate","SyncStatus":"SYNC_FAILED"}]}"#)
        }
    }

    // MARK: Secrets

    /// The place of the camera's secret must not get into a message or a log, whatever goes wrong.
    private static func expectSilence(_ error: OperationError, _ secret: String = "camera-of-the-gate") {
        #expect(!error.publicMessage.contains(secret))
        #expect(error.privateContext?.contains(secret) != true)
    }

    @Test func `no refusal repeats the secret`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            let good = Self.start()
            for bad in [
                // Not of the form, too short, too long, of another type, twice, and not JSON from there on.
                good.replacing(Wire.secret, with: Wire.secret + "!"), good.replacing(Wire.secret, with: "camera-of-the-gate"),
                good.replacing(Wire.secret, with: Wire.secret + String(repeating: "x", count: 2048)),
                good.replacing(#""\#(Wire.secret)""#, with: #"["\#(Wire.secret)"]"#),
                good.replacing(#""\#(Wire.secret)""#, with: #"{"\#(Wire.secret)":"\#(Wire.secret)"}"#),
                good.replacing(#""\#(Wire.secret)""#, with: #""\#(Wire.secret)","MediaUriSecretArn":"\#(Wire.secret)""#),
                good.replacing(#"\#(Wire.secret)""#, with: Wire.secret), good.replacing(#"\#(Wire.secret)""#, with: #"\#(Wire.secret)\x""#),
                String(good.prefix { $0 != "R" }) + Wire.secret, good.replacing("RTSP_URI", with: "camera"),
                good.replacing(#""MediaUriType":"RTSP_URI""#, with: #""MediaUriType":null"#),
                // What only the rules refuse.
                Self.start(Wire.edgeConfig(recorder: "every morning")), Self.start(stream: #""StreamName":"absent""#),
                Self.start(Wire.edgeConfig(hub: Fixture.hub.replacing("eu-west-1", with: "eu-west-2"))),
                Self.start(Wire.edgeConfig(hub: Fixture.hub.replacing(Fixture.account, with: "999988887777"))),
            ] {
                Self.expectSilence(try await plane.refusal(.startEdgeConfigurationUpdate, bad))
            }
            for status in [ResourceStatus.updating, .deleting] {
                try plane.setStatus(status)
                Self.expectSilence(try await plane.refusal(.startEdgeConfigurationUpdate, good))
            }
            try plane.setStatus(.active)
            for kind in [
                DatabaseError.Kind.unavailable, .overloaded, .conflict, .outcomeUnknown, .mistake, .constraint("edge_configuration_pkey"),
            ] {
                plane.faults.inject(.failBefore(kind), times: 100)
                Self.expectSilence(try await plane.refusal(.startEdgeConfigurationUpdate, good))
                plane.faults.reset()
            }
            try plane.database.execute("UPDATE stream SET data_retention_in_hours = 0")
            Self.expectSilence(try await plane.refusal(.startEdgeConfigurationUpdate, good))
        }
    }

    @Test(arguments: Engine.allCases) func `the database's own errors do not repeat the secret`(_ engine: Engine) async throws {
        try await Plane.with(engine) { plane in
            _ = try await plane.active()
            // A constraint whose message would quote the row, and a statement that fails on its values.
            let violation = Self.start(Wire.edgeConfig(hub: Fixture.hub))
            switch engine {
            case .sqlite:
                try plane.database.execute(
                    "CREATE TRIGGER refuse BEFORE INSERT ON edge_configuration BEGIN SELECT RAISE(ABORT, 'refused'); END")
            case .postgres:
                try plane.database.execute("ALTER TABLE edge_configuration ADD CONSTRAINT refuse CHECK (length(configuration) < 3)")
            }
            let error = try await plane.refusal(.startEdgeConfigurationUpdate, violation)
            #expect(error.code == .internalFailure)
            #expect(error.privateContext?.isEmpty == false)
            Self.expectSilence(error)
        }
    }

    @Test func `a stored configuration that cannot be read is an internal failure, without the secret`() async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.syncing)
            for text in [String(Wire.edgeConfig().dropLast()), Wire.edgeConfig().replacing("RTSP_URI", with: "OTHER"), "", "{}"] {
                try plane.database.execute("UPDATE edge_configuration SET configuration = '\(text)'")
                let hub = #"{"HubDeviceArn":"\#(Fixture.hub)"}"#
                for (operation, body, caller) in [
                    (OperationID.describeEdgeConfiguration, Self.gate, Caller.test()), (.listEdgeAgentConfigurations, hub, .test()),
                    (.fetchEdgeConfigurations, hub, .agent()),
                ] {
                    let error = try await plane.refusal(operation, body, caller)
                    #expect(error.code == .internalFailure)
                    #expect(error.publicMessage == "The request cannot be processed because of an internal failure.")
                    #expect(error.privateContext == "a stored EdgeConfig cannot be read")
                    Self.expectSilence(error)
                }
            }
        }
    }
}
