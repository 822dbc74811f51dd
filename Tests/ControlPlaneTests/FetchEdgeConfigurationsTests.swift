import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// What an edge agent is told to do, at once or once there is something.
@Suite struct FetchEdgeConfigurationsTests {
    private static let nothing = #"{"EdgeConfigurations":[],"RemovedStreamARNs":[]}"#

    private static func fetch(held: [(String, String)] = [], wait: Int? = nil) -> String {
        let list = held.map { #"{"StreamARN":"\#($0.0)","Revision":"\#($0.1)"}"# }.joined(separator: ",")
        return #"{"HubDeviceArn":"\#(Fixture.hub)""# + (held.isEmpty ? "" : #","HeldConfigurations":[\#(list)]"#)
            + (wait.map { #","WaitTimeInSeconds":\#($0)"# } ?? "") + "}"
    }

    /// The names and statuses of the configurations in an answer.
    private static func toDo(_ answer: String) throws -> [String] {
        zip(try Wire.values("StreamName", in: answer), try Wire.values("SyncStatus", in: answer)).map { "\($0) \($1)" }
    }

    private static func removed(_ answer: String) throws -> String {
        let start = try #require(answer.firstRange(of: #""RemovedStreamARNs":"#))
        return String(answer[start.upperBound...].dropLast())
    }

    @Test(arguments: EdgeStatus.allCases) func `what is under way is to be done, what has failed waits for an operator`(
        _ status: EdgeStatus
    ) async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(status)
            let item =
                #"{"EdgeConfig":\#(Wire.edgeConfig()),"Revision":"\#(found.revision)","StreamARN":"\#(Wire.streamARN)","#
                + #""StreamName":"gate","SyncStatus":"\#(status.rawValue)"}"#
            let something = #"{"EdgeConfigurations":[\#(item)],"RemovedStreamARNs":[]}"#
            let isFailed = status == .syncFailed || status == .deleteFailed
            // Not held, held, held in an earlier revision.
            let answers = [
                try await plane.call(.fetchEdgeConfigurations, Self.fetch(), .agent()),
                try await plane.call(.fetchEdgeConfigurations, Self.fetch(held: [(Wire.streamARN, found.revision)]), .agent()),
                try await plane.call(.fetchEdgeConfigurations, Self.fetch(held: [(Wire.streamARN, "earlier")]), .agent()),
            ]
            #expect(answers[0] == (isFailed ? Self.nothing : something))
            #expect(answers[1] == (isFailed || status == .inSync ? Self.nothing : something))
            #expect(answers[2] == (isFailed ? Self.nothing : something))
        }
    }

    @Test func `what the deployment does not know for the device is to be forgotten`() async throws {
        try await Plane.with { plane in
            let own = try await plane.edge(.inSync)
            let moved = try await plane.edge(.inSync, "moved", hub: Fixture.hub + "2")
            try plane.database.setEdgeStatus("IN_SYNC")
            let earlier = Wire.arn(.stream, "gate", time: 1)
            let gone = Wire.arn(.stream, "gone")
            let held = [
                (gone, "r"), (own.streamARN, own.revision), (earlier, own.revision), (moved.streamARN, moved.revision),
            ]
            let answer = try await plane.call(.fetchEdgeConfigurations, Self.fetch(held: held), .agent())
            #expect(try Self.toDo(answer) == [])
            #expect(try Self.removed(answer) == #"["\#(gone)","\#(earlier)","\#(moved.streamARN)"]"#)
            // Also beside what is to be done.
            try plane.database.execute("UPDATE edge_configuration SET sync_status = 'SYNC_FAILED' WHERE stream_name = 'moved'")
            let both = try await plane.call(.fetchEdgeConfigurations, Self.fetch(held: [(gone, "r")]), .agent())
            #expect(try Self.toDo(both) == ["gate IN_SYNC"])
            #expect(try Self.removed(both) == #"["\#(gone)"]"#)
        }
    }

    @Test func `each device is told of its own, in the byte order of the streams' names`() async throws {
        try await Plane.with { plane in
            for name in ["b", "a-1", "B", "a"] { _ = try await plane.edge(.syncing, name) }
            _ = try await plane.edge(.syncing, "other", hub: Fixture.hub + "2")
            let answer = try await plane.call(.fetchEdgeConfigurations, Self.fetch(), .agent())
            #expect(try Self.toDo(answer) == ["B SYNCING", "a SYNCING", "a-1 SYNCING", "b SYNCING"])
            let nobody = try await plane.call(
                .fetchEdgeConfigurations, #"{"HubDeviceArn":"\#(Fixture.hub)3"}"#, .agent(Fixture.hub + "3"))
            #expect(nobody == Self.nothing)
        }
    }

    @Test(arguments: Engine.allCases) func `more than a thousand are answered in turns, and known as a whole`(_ engine: Engine) async throws
    {
        try await Plane.with(engine) { plane in
            let (count, prefix) = (2300, "arn:aws:kinesisvideo:\(Fixture.region):\(Fixture.account):stream/s")
            try plane.database.execute(
                """
                WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < \(count))
                INSERT INTO edge_configuration (account, region, stream_name, stream_arn, hub_device_arn, configuration, revision, sync_status,
                    creation_time, last_updated_time, deadline, change_token)
                SELECT '\(Fixture.account)', '\(Fixture.region)', 's' || (10000 + i), '\(prefix)' || (10000 + i) || '/1', '\(Fixture.hub)',
                    '\(Wire.edgeConfig())', 'r' || i, 'SYNCING', 0, 0, 0, 'edge' || i FROM numbers
                """)
            func arn(_ number: Int) -> String { Wire.arn(.stream, "s\(10000 + number)", time: 1) }
            func names(_ range: ClosedRange<Int>) -> [String] { range.map { "s\(10000 + $0)" } }
            // Those held come from all over the list; one is unknown.
            let held = [(arn(2300), "r2300"), (arn(5), "r5"), (arn(1001), "r1001"), (arn(9999), "r")]
            let first = try await plane.call(.fetchEdgeConfigurations, Self.fetch(held: held), .agent())
            #expect(try Wire.values("StreamName", in: first) == names(1...1000))
            #expect(try Self.removed(first) == #"["\#(arn(9999))"]"#)
            // What is done makes room for what is left.
            try plane.database.execute(
                "UPDATE edge_configuration SET sync_status = 'SYNC_FAILED', deadline = NULL WHERE stream_name <= 's11000'")
            let second = try await plane.call(.fetchEdgeConfigurations, Self.fetch(held: held), .agent())
            #expect(try Wire.values("StreamName", in: second) == names(1001...2000))
            try plane.database.execute(
                "UPDATE edge_configuration SET sync_status = 'IN_SYNC', deadline = NULL WHERE stream_name > 's11000'")
            let third = try await plane.call(
                .fetchEdgeConfigurations, Self.fetch(held: (1001...2299).map { (arn($0), "r\($0)") }), .agent())
            #expect(try Self.toDo(third) == ["s12300 IN_SYNC"])
            let all = try await plane.call(
                .fetchEdgeConfigurations, Self.fetch(held: (1001...2300).map { (arn($0), "r\($0)") }), .agent())
            #expect(all == Self.nothing)
        }
    }

    @Test func `held streams are streams of the caller's`() async throws {
        try await Plane.with { plane in
            let foreign = Wire.arn(.stream, "gate", account: "999988887777")
            let denied = try await plane.refusal(
                .fetchEdgeConfigurations, Self.fetch(held: [(Wire.streamARN, "r"), (foreign, "r")]), .agent())
            #expect(denied.code == .accessDenied)
            #expect(denied.publicMessage.hasSuffix("kinesisvideo:FetchEdgeConfigurations on resource: \(foreign)"))
            for arn in [Wire.channelARN, Wire.arn(.stream, "gate", region: "eu-west-2")] {
                let refusal = try await plane.refusal(.fetchEdgeConfigurations, Self.fetch(held: [(arn, "r")]), .agent())
                #expect(refusal.code == .invalidArgument)
                #expect(refusal.publicMessage.hasPrefix("StreamARN \(arn) is not "))
            }
            #expect(plane.callCount == 0)
        }
    }

    // MARK: Waiting

    @Test(arguments: [nil, 0, 20] as [Int?]) func `what there is is answered at once, whatever the wait`(_ wait: Int?) async throws {
        try await Plane.with { plane in
            _ = try await plane.edge(.syncing)
            let answer = try await plane.call(.fetchEdgeConfigurations, Self.fetch(wait: wait), .agent())
            #expect(try Self.toDo(answer) == ["gate SYNCING"])
            _ = try await plane.call(.fetchEdgeConfigurations, Self.fetch(wait: 0), .agent())
            #expect(plane.faults.reads.count { $0 == "edge.list-of-hub" } == 2)
            // So is what is to be forgotten.
            try plane.database.execute("DELETE FROM edge_configuration")
            let removed = try await plane.call(
                .fetchEdgeConfigurations, Self.fetch(held: [(Wire.streamARN, "r")], wait: wait), .agent())
            #expect(try Self.removed(removed) == #"["\#(Wire.streamARN)"]"#)
            #expect(plane.faults.reads.count { $0 == "edge.list-of-hub" } == 3)
        }
    }

    @Test func `without a wait, nothing is answered at once`() async throws {
        try await Plane.with { plane async throws in
            for wait in [nil, 0] as [Int?] {
                #expect(try await plane.call(.fetchEdgeConfigurations, Self.fetch(wait: wait), .agent()) == Self.nothing)
            }
            #expect(plane.faults.reads.count == 2)
        }
    }

    @Test func `who waits is told once something comes`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            async let answer = plane.call(.fetchEdgeConfigurations, Self.fetch(wait: 20), .agent())
            try await eventually("it has looked") { plane.faults.reads.contains("edge.list-of-hub") }
            _ = try await plane.call(
                .startEdgeConfigurationUpdate, #"{"StreamName":"gate","EdgeConfig":\#(Wire.edgeConfig())}"#)
            #expect(try Self.toDo(try await answer) == ["gate SYNCING"])
        }
    }

    @Test func `who waits is told once something goes`() async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(.inSync)
            async let answer = plane.call(
                .fetchEdgeConfigurations, Self.fetch(held: [(Wire.streamARN, found.revision)], wait: 20), .agent())
            try await eventually("it has looked") { plane.faults.reads.contains("edge.list-of-hub") }
            try await plane.store.deleteAtOnce(.named("gate"))
            #expect(try Self.removed(try await answer) == #"["\#(Wire.streamARN)"]"#)
        }
    }

    @Test func `who waits gives up when the instance is to stop, and where nobody listens any more`() async throws {
        try await Plane.with { plane in
            let start = ContinuousClock.now
            let abandoned = Task { try await plane.call(.fetchEdgeConfigurations, Self.fetch(wait: 20), .agent()) }
            try await eventually("it waits") { plane.control.polls.count == 1 }
            abandoned.cancel()
            #expect(try await abandoned.value == Self.nothing)
            async let answer = plane.call(.fetchEdgeConfigurations, Self.fetch(wait: 20), .agent())
            try await eventually("it waits") { plane.control.polls.count == 1 }
            plane.stop()
            #expect(try await answer == Self.nothing)
            // Who comes later does not even begin to wait.
            let seen = plane.faults.reads.count
            #expect(try await plane.call(.fetchEdgeConfigurations, Self.fetch(wait: 20), .agent()) == Self.nothing)
            #expect(plane.faults.reads.count == seen + 2)
            // Each of the three would have waited for twenty seconds.
            #expect(ContinuousClock.now - start < .seconds(18))
        }
    }

    @Test func `of each thing the newest alone waits`() async throws {
        try await Plane.with { plane in
            let start = ContinuousClock.now
            @Sendable func wait(_ hub: String) async throws -> String {
                try await plane.call(.fetchEdgeConfigurations, #"{"HubDeviceArn":"\#(hub)","WaitTimeInSeconds":20}"#, .agent(hub))
            }
            let other = Task { try await wait(Fixture.hub + "2") }
            try await eventually("another thing waits") { plane.control.polls.count == 1 }
            var older = Task { try await wait(Fixture.hub) }
            try await eventually("it waits too") { plane.control.polls.count == 2 }
            for _ in 0..<20 {
                let newer = Task { try await wait(Fixture.hub) }
                // The older one has nothing to tell, and says so at once.
                #expect(try await older.value == Self.nothing)
                #expect(plane.control.polls.count == 2)
                older = newer
            }
            _ = try await plane.edge(.syncing)
            #expect(try Self.toDo(try await older.value) == ["gate SYNCING"])
            #expect(plane.control.polls.count == 1)
            other.cancel()
            #expect(try await other.value == Self.nothing)
            #expect(plane.control.polls.count == 0)
            // Each of the twenty would have waited for twenty seconds.
            #expect(ContinuousClock.now - start < .seconds(18))
        }
    }

    @Test func `a wait ends with the failure of the database`() async throws {
        try await Plane.with { plane in
            plane.faults.inject(.failBefore(.unavailable), on: "edge.changes-of-hub", skipping: 1)
            let error = try await plane.refusal(.fetchEdgeConfigurations, Self.fetch(wait: 20), .agent())
            #expect(error.code == .serviceUnavailable)
            #expect(plane.faults.reads == ["edge.changes-of-hub", "edge.list-of-hub", "edge.changes-of-hub"])
        }
    }

    @Test func `who waits reads what there is only once it changes`() async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(.inSync)
            async let answer = plane.call(
                .fetchEdgeConfigurations, Self.fetch(held: [(Wire.streamARN, found.revision)], wait: 20), .agent())
            try await eventually("it has asked again and again") { plane.faults.reads.count { $0 == "edge.changes-of-hub" } == 4 }
            #expect(plane.faults.reads.count { $0 == "edge.list-of-hub" } == 1)
            // What nobody has to act on ends no wait.
            try plane.database.execute("UPDATE edge_configuration SET sync_status = 'SYNC_FAILED'")
            try await eventually("it has looked") { plane.faults.reads.count { $0 == "edge.list-of-hub" } == 2 }
            try plane.database.execute("UPDATE edge_configuration SET sync_status = 'IN_SYNC', revision = 'later'")
            #expect(try Self.toDo(try await answer) == ["gate IN_SYNC"])
            #expect(plane.faults.reads.count { $0 == "edge.list-of-hub" } == 3)
        }
    }
}
