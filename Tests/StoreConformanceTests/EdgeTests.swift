import SQL
import TestSupport
import Testing

@testable import Store

/// Edge configurations: what operators ask for, what agents say, and what is told of both.
@Suite struct EdgeTests {
    private typealias Report = EdgeRecord.JobReport

    private static let key = ResourceKey.named("gate")
    private static let settled = ["IN_SYNC", "SYNC_FAILED", "DELETE_FAILED"]
    private static let atWork = ["SYNCING", "ACKNOWLEDGED", "DELETING", "DELETING_ACKNOWLEDGED"]

    private static func start(
        _ store: Store, _ key: ResourceKey = key, hub: String = Fixture.hub, configuration: String = "{}"
    ) async throws -> String {
        try await store.startEdgeConfigurationUpdate(
            key, hubDeviceARN: hub, configuration: configuration, revision: Fixture.token(), timeout: 1000, .fresh("Start")
        ).word
    }

    private static func delete(_ store: Store, _ key: ResourceKey = key) async throws -> String {
        try await store.deleteEdgeConfiguration(key, revision: Fixture.token(), timeout: 1000, .fresh("DeleteEdge")).word
    }

    /// The whole row, to see that nothing of it has changed.
    private static func row(_ database: TestDatabase) throws -> [[SQLValue]] {
        try database.rows("SELECT * FROM edge_configuration ORDER BY account, region, stream_name")
    }

    private static func deadline(_ database: TestDatabase) throws -> SQLValue? {
        try database.rows("SELECT deadline FROM edge_configuration").first?.first
    }

    // MARK: Changes of a thing

    @Test(arguments: Engine.allCases) func `each change for a thing is one that who waits for it sees`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            var seen: [Int64?] = []
            /// Whether there was a change for the thing since the last time.
            func changed(_ hub: String = Fixture.hub) async throws -> Bool {
                let changes = try await store.edgeChanges(account: Fixture.account, region: Fixture.region, hubDeviceARN: hub)
                defer { seen.append(changes) }
                return changes != seen.last
            }
            for name in ["gate", "door"] { _ = try await store.createActive(name) }
            seen.append(nil)
            #expect(try await !changed())
            #expect(try await Self.start(store) == "accepted")
            #expect(try await changed())
            #expect(try await !changed())
            #expect(try await Self.start(store, .named("door")) == "accepted")
            #expect(try await changed())
            // A refused change, another thing's, and what the agent reports on its jobs are none.
            #expect(try await Self.start(store) != "accepted")
            _ = try await store.createActive("other")
            #expect(try await Self.start(store, .named("other"), hub: Fixture.hub + "2") == "accepted")
            let found = try #require(try await store.edgeConfiguration(Self.key))
            let report = EdgeRecord.JobReport(status: "SUCCESS", details: nil, collectedAt: nil, updatedAt: nil)
            #expect(
                try await store.reportEdgeJobs(
                    Self.key, streamARN: found.streamARN, hubDeviceARN: Fixture.hub, recorder: report, uploader: nil))
            #expect(try await !changed())
            #expect(try await store.moveEdgeConfiguration(found, .settled(status: .inSync, details: nil), .fresh("Report")))
            #expect(try await changed())
            #expect(try await Self.delete(store) == "accepted")
            #expect(try await changed())
            let deleting = try #require(try await store.edgeConfiguration(Self.key))
            #expect(try await store.moveEdgeConfiguration(deleting, .gone, .fresh("Report")))
            #expect(try await changed())
            #expect(try await !changed())
            // The last one goes with its stream, and what counted it with it.
            try await store.deleteAtOnce(.named("door"))
            #expect(try await changed())
            #expect(seen.last == .some(nil))
            #expect(try database.rows("SELECT hub_device_arn FROM edge_hub") == [[.text(Fixture.hub + "2")]])
        }
    }

    @Test(arguments: Engine.allCases) func `many changes for a thing at once are all counted`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let names = (0..<12).map { "gate-\($0)" }
            for name in names { _ = try await store.createActive(name) }
            try await withThrowingTaskGroup(of: String.self) { group in
                for name in names { group.addTask { try await Self.start(store, .named(name)) } }
                for try await word in group { #expect(word == "accepted") }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names { group.addTask { try await store.deleteAtOnce(.named(name)) } }
                try await group.waitForAll()
            }
            #expect(try database.rows("SELECT changes FROM edge_hub") == [])
        }
    }

    // MARK: Operators

    @Test(arguments: Engine.allCases) func `a configuration is set as asked for`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            try database.clock.advance(by: 7)
            let change = try await store.startEdgeConfigurationUpdate(
                Self.key, hubDeviceARN: Fixture.hub, configuration: "{\"é\":1}", revision: "r1", timeout: 900, .fresh("Start"))
            #expect(change.word == "accepted")
            let now = TestClock.start + 7
            #expect(
                try await store.edgeConfiguration(Self.key)
                    == EdgeRecord(
                        key: Self.key, streamARN: stream.arn, hubDeviceARN: Fixture.hub, configuration: "{\"é\":1}", revision: "r1",
                        status: .syncing, failedStatusDetails: nil, creationTime: now, lastUpdatedTime: now, recorder: nil,
                        uploader: nil))
            #expect(try Self.deadline(database) == .integer(now + 900))
            #expect(try await store.stream(Self.key) == stream)
            #expect(try await store.history(stream.arn).suffix(1) == ["Start SYNCING"])
            #expect(try await store.edgeConfiguration(Self.key, streamARN: stream.arn)?.revision == "r1")
            #expect(try await store.edgeConfiguration(Self.key, streamARN: stream.arn + "0") == nil)
            #expect(try await store.edgeConfiguration(.named("other")) == nil)
        }
    }

    @Test(arguments: Engine.allCases) func `a configuration needs an ACTIVE stream that keeps media`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            #expect(try await Self.start(store) == "stream not found")
            let stream = try await store.createActive("gate")
            #expect(try await Self.start(store, .named("gate", creationTime: stream.creationTime - 1)) == "stream not found")
            for status in ["CREATING", "UPDATING", "DELETING"] {
                try database.execute("UPDATE stream SET status = '\(status)'")
                #expect(try await Self.start(store) == "refused: \(status), none")
            }
            try database.execute("UPDATE stream SET status = 'ACTIVE', data_retention_in_hours = 0")
            #expect(try await Self.start(store) == "refused: ACTIVE, none")
            #expect(try Self.row(database) == [])
            #expect(try await store.history(stream.arn).count == 2)
            try database.execute("UPDATE stream SET data_retention_in_hours = 1")
            #expect(try await Self.start(store, .named("gate", creationTime: stream.creationTime)) == "accepted")
            // One that is there does not change that.
            try database.setEdgeStatus("IN_SYNC")
            let before = try Self.row(database)
            try database.execute("UPDATE stream SET data_retention_in_hours = 0")
            #expect(try await Self.start(store) == "refused: ACTIVE, IN_SYNC")
            try database.execute("UPDATE stream SET data_retention_in_hours = 1, status = 'UPDATING'")
            #expect(try await Self.start(store) == "refused: UPDATING, IN_SYNC")
            #expect(try Self.row(database) == before)
        }
    }

    @Test(arguments: Engine.allCases) func `a configuration at work is left alone, and so is another thing's`(_ engine: Engine) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let first = try await store.startEdge("gate")
            for status in Self.atWork {
                try database.setEdgeStatus(status)
                let before = try Self.row(database)
                #expect(try await Self.start(store) == "refused: ACTIVE, \(status)")
                #expect(try await Self.delete(store) == "refused: ACTIVE, \(status)")
                #expect(try Self.row(database) == before)
            }
            for status in Self.settled {
                try database.setEdgeStatus(status)
                let before = try Self.row(database)
                #expect(try await Self.start(store, hub: Fixture.hub + "2") == "refused: ACTIVE, \(status)")
                #expect(try Self.row(database) == before)
            }
            #expect(try await store.edgeConfiguration(Self.key)?.revision == first.revision)
            #expect(try await store.history(stream.arn).count == 3)
        }
    }

    @Test(arguments: Engine.allCases, settled) func `an update takes a new revision and keeps what is older`(
        _ engine: Engine, _ status: String
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let first = try await store.startEdge("gate")
            let job = Report(status: "SUCCESS", details: "d", collectedAt: 1)
            #expect(
                try await store.reportEdgeJobs(
                    Self.key, streamARN: stream.arn, hubDeviceARN: Fixture.hub, recorder: job, uploader: nil))
            try database.setEdgeStatus(status)
            try database.execute("UPDATE edge_configuration SET failed_status_details = 'because'")
            try database.clock.advance(by: 50)
            #expect(try await Self.start(store, configuration: "{\"a\":2}") == "accepted")
            let second = try #require(try await store.edgeConfiguration(Self.key))
            #expect(second.status == .syncing)
            #expect(second.configuration == "{\"a\":2}")
            #expect(second.revision != first.revision)
            #expect(second.failedStatusDetails == nil)
            #expect(second.creationTime == first.creationTime)
            #expect(second.lastUpdatedTime == first.lastUpdatedTime + 50)
            #expect(second.recorder?.details == "d")
            #expect(try Self.deadline(database) == .integer(database.clock.now + 1000))
            #expect(try await store.history(stream.arn).suffix(2) == ["StartEdgeConfigurationUpdate SYNCING", "Start SYNCING"])
        }
    }

    @Test(arguments: Engine.allCases, settled) func `a deletion asks the agent, under a new revision`(
        _ engine: Engine, _ status: String
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            #expect(try await Self.delete(store) == "stream not found")
            let stream = try await store.createActive("gate")
            #expect(try await Self.delete(store) == "refused: ACTIVE, none")
            let first = try await store.startEdge("gate")
            try database.setEdgeStatus(status)
            try database.execute("UPDATE edge_configuration SET failed_status_details = 'because'")
            #expect(try await Self.delete(store, .named("gate", creationTime: stream.creationTime - 1)) == "stream not found")
            try database.execute("UPDATE stream SET status = 'DELETING'")
            #expect(try await Self.delete(store) == "refused: DELETING, \(status)")
            // Any other status of the stream will do, and so will a retention of 0.
            let other = ["IN_SYNC": "UPDATING", "SYNC_FAILED": "CREATING", "DELETE_FAILED": "ACTIVE"][status] ?? ""
            try database.execute("UPDATE stream SET status = '\(other)', data_retention_in_hours = 0")
            try database.clock.advance(by: 50)
            #expect(try await Self.delete(store) == "accepted")
            let deleting = try #require(try await store.edgeConfiguration(Self.key))
            #expect(deleting.status == .deleting)
            #expect(deleting.revision != first.revision)
            #expect(deleting.configuration == first.configuration && deleting.hubDeviceARN == first.hubDeviceARN)
            #expect(deleting.failedStatusDetails == nil)
            #expect(deleting.creationTime == first.creationTime)
            #expect(deleting.lastUpdatedTime == first.lastUpdatedTime + 50)
            #expect(try Self.deadline(database) == .integer(database.clock.now + 1000))
            #expect(try await store.history(stream.arn).count == 4)
            #expect(try await store.history(stream.arn).last == "DeleteEdge DELETING")
        }
    }

    @Test(arguments: Engine.allCases) func `of many updates and deletions at once one is accepted`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let stream = try await store.createActive("gate")
            let first = try await atOnce(12) { _ in try await Self.start(store) }
            #expect(first.sorted() == ["accepted"] + Array(repeating: "refused: ACTIVE, SYNCING", count: 11))
            try database.setEdgeStatus("IN_SYNC")
            let second = try await atOnce(12) { try await $0 % 2 == 0 ? Self.start(store) : Self.delete(store) }
            #expect(second.filter { $0 == "accepted" }.count == 1)
            #expect(try await store.history(stream.arn).count == 4)
            #expect(faults.conflicts == 0)
        }
    }

    // MARK: Moves

    @Test(arguments: Engine.allCases) func `a configuration goes its way, and tells each step`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            func found() async throws -> EdgeRecord { try #require(try await store.edgeConfiguration(Self.key)) }
            func move(_ move: Store.EdgeMove) async throws -> Bool {
                try database.clock.advance(by: 10)
                return try await store.moveEdgeConfiguration(found(), move, .fresh(EventName.edgeConfigurationStatusChange.rawValue))
            }
            let started = try await store.startEdge("gate")
            #expect(try await move(.awaiting(status: .acknowledged, timeout: 300)))
            #expect(try Self.deadline(database) == .integer(database.clock.now + 300))
            #expect(try await move(.settled(status: .syncFailed, details: "no camera")))
            #expect(try Self.deadline(database) == .null)
            #expect(try await found().failedStatusDetails == "no camera")
            #expect(try await found().revision == started.revision)
            #expect(try await Self.start(store) == "accepted")
            #expect(try await move(.awaiting(status: .acknowledged, timeout: 300)))
            #expect(try await move(.settled(status: .inSync, details: nil)))
            #expect(try await Self.delete(store) == "accepted")
            #expect(try await move(.awaiting(status: .deletingAcknowledged, timeout: 300)))
            #expect(try await move(.gone))
            #expect(try await store.edgeConfiguration(Self.key) == nil)
            #expect(
                try await store.history(stream.arn).dropFirst(2) == [
                    "StartEdgeConfigurationUpdate SYNCING", "EdgeConfigurationStatusChange ACKNOWLEDGED",
                    "EdgeConfigurationStatusChange SYNC_FAILED", "Start SYNCING", "EdgeConfigurationStatusChange ACKNOWLEDGED",
                    "EdgeConfigurationStatusChange IN_SYNC", "DeleteEdge DELETING", "EdgeConfigurationStatusChange DELETING_ACKNOWLEDGED",
                    "EdgeConfigurationStatusChange DELETED",
                ])
            #expect(try database.rows("SELECT event_sequence FROM stream") == [[11]])
            #expect(try await store.stream(Self.key) == stream)
        }
    }

    @Test(arguments: Engine.allCases) func `a configuration that is not as it was found is not moved`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let found = try await store.startEdge("gate")
            let before = try Self.row(database)
            func other(
                _ key: ResourceKey = Self.key, streamARN: String? = nil, revision: String? = nil, status: EdgeStatus? = nil
            ) -> EdgeRecord {
                EdgeRecord(
                    key: key, streamARN: streamARN ?? found.streamARN, hubDeviceARN: found.hubDeviceARN,
                    configuration: found.configuration, revision: revision ?? found.revision, status: status ?? found.status,
                    failedStatusDetails: nil, creationTime: 0, lastUpdatedTime: 0, recorder: nil, uploader: nil)
            }
            for stranger in [
                other(.named("other")), other(.named("gate", account: "444455556666")), other(.named("gate", region: "eu-west-2")),
                other(streamARN: found.streamARN + "0"), other(revision: "other"), other(status: .acknowledged),
            ] {
                for move in [Store.EdgeMove.awaiting(status: .acknowledged, timeout: 1), .settled(status: .inSync, details: nil), .gone] {
                    #expect(try await !store.moveEdgeConfiguration(stranger, move, .fresh()))
                }
                #expect(try await !store.extendEdgeDeadline(stranger, timeout: 1))
            }
            #expect(try Self.row(database) == before)
            #expect(try await store.history(stream.arn).count == 3)
            #expect(try database.rows("SELECT event_sequence FROM stream") == [[3]])
        }
    }

    @Test(arguments: Engine.allCases) func `of many moves at once one is made`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let stream = try await store.createActive("gate")
            let found = try await store.startEdge("gate")
            let moved = try await atOnce(12) { number in
                let moves = [
                    Store.EdgeMove.awaiting(status: .acknowledged, timeout: 1), .settled(status: .syncFailed, details: "d"), .gone,
                ]
                return try await store.moveEdgeConfiguration(found, moves[number % 3], .fresh())
            }
            #expect(moved.filter { $0 }.count == 1)
            #expect(try await store.history(stream.arn).count == 4)
            #expect(faults.conflicts == 0)
        }
    }

    @Test(arguments: Engine.allCases) func `only what is overdue is failed for it`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let found = try await store.startEdge("gate", timeout: 100)
            func fail() async throws -> Bool {
                try await store.moveEdgeConfiguration(found, .settled(status: .syncFailed, details: "late"), onlyOverdue: true, .fresh())
            }
            try database.clock.advance(by: 99)
            #expect(try await !fail())
            #expect(try await store.overdueEdgeConfigurations(limit: 10) == [])
            try database.clock.advance(by: 1)
            #expect(try await store.overdueEdgeConfigurations(limit: 10) == [found])
            // A word of the agent's comes in between.
            #expect(try await store.extendEdgeDeadline(found, timeout: 50))
            #expect(try await !fail())
            try database.clock.advance(by: 50)
            #expect(try await fail())
            #expect(try await !fail())
            #expect(try await store.overdueEdgeConfigurations(limit: 10) == [])
            #expect(try await store.edgeConfiguration(Self.key)?.failedStatusDetails == "late")
            #expect(try await store.history(stream.arn).count == 4)
        }
    }

    @Test(arguments: Engine.allCases) func `those overdue come by their deadlines`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for (name, timeout) in [("b", 30), ("a", 20), ("d", 40), ("c", 10), ("settled", 1)] {
                _ = try await store.createActive(name)
                try await store.startEdge(name, timeout: Int64(timeout))
            }
            try database.execute("UPDATE edge_configuration SET sync_status = 'IN_SYNC', deadline = NULL WHERE stream_name = 'settled'")
            func overdue(_ limit: Int) async throws -> [String] {
                try await store.overdueEdgeConfigurations(limit: limit).map(\.key.name)
            }
            #expect(try await overdue(10) == [])
            try database.clock.advance(by: 30)
            #expect(try await overdue(10) == ["c", "a", "b"])
            #expect(try await overdue(2) == ["c", "a"])
        }
    }

    @Test(arguments: Engine.allCases) func `a deadline is extended, and nothing else`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let found = try await store.startEdge("gate")
            try database.clock.advance(by: 500)
            #expect(try await store.extendEdgeDeadline(found, timeout: 700))
            #expect(try Self.deadline(database) == .integer(database.clock.now + 700))
            #expect(try await store.edgeConfiguration(Self.key) == found)
            #expect(try await store.history(stream.arn).count == 3)
        }
    }

    // MARK: Reports

    @Test(arguments: Engine.allCases) func `reports are kept by job, and one leaves the other`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let before = try await store.startEdge("gate")
            func report(_ recorder: Report?, _ uploader: Report?) async throws -> EdgeRecord {
                try database.clock.advance(by: 10)
                #expect(
                    try await store.reportEdgeJobs(
                        Self.key, streamARN: stream.arn, hubDeviceARN: Fixture.hub, recorder: recorder, uploader: uploader))
                return try #require(try await store.edgeConfiguration(Self.key))
            }
            let now = TestClock.start
            let first = try await report(Report(status: "SUCCESS", details: "fine", collectedAt: 5), nil)
            #expect(first.recorder == Report(status: "SUCCESS", details: "fine", collectedAt: 5, updatedAt: now + 10))
            #expect(first.uploader == nil)
            let second = try await report(nil, Report(status: "USER_ERROR", details: nil, collectedAt: nil))
            #expect(second.recorder == first.recorder)
            #expect(second.uploader == Report(status: "USER_ERROR", details: nil, collectedAt: now + 20, updatedAt: now + 20))
            // A report replaces the one before as a whole.
            let third = try await report(
                Report(status: "SYSTEM_ERROR", details: nil, collectedAt: nil), Report(status: "SUCCESS", details: "", collectedAt: 6))
            #expect(third.recorder == Report(status: "SYSTEM_ERROR", details: nil, collectedAt: now + 30, updatedAt: now + 30))
            #expect(third.uploader == Report(status: "SUCCESS", details: "", collectedAt: 6, updatedAt: now + 30))
            let fourth = try await report(Report(status: "SUCCESS", details: "again", collectedAt: 7), nil)
            #expect(fourth.recorder == Report(status: "SUCCESS", details: "again", collectedAt: 7, updatedAt: now + 40))
            #expect(fourth.uploader == third.uploader)
            let fifth = try await report(nil, Report(status: "SUCCESS", details: nil, collectedAt: 8))
            #expect(fifth.recorder == fourth.recorder)
            #expect(fifth.uploader == Report(status: "SUCCESS", details: nil, collectedAt: 8, updatedAt: now + 50))
            #expect(fifth.revision == before.revision && fifth.status == before.status)
            #expect(fifth.lastUpdatedTime == before.lastUpdatedTime)
            // It is no event, and no word on the configuration.
            #expect(try await store.history(stream.arn).count == 3)
            #expect(try Self.deadline(database) == .integer(now + Fixture.edgeTimeout))
        }
    }

    @Test(arguments: Engine.allCases) func `nobody else's report is kept`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            try await store.startEdge("gate")
            let before = try Self.row(database)
            let job = Report(status: "SUCCESS", details: "x", collectedAt: 1)
            for (key, arn, hub) in [
                (Self.key, stream.arn, Fixture.hub + "2"), (Self.key, stream.arn + "0", Fixture.hub),
                (.named("other"), stream.arn, Fixture.hub), (.named("gate", account: "444455556666"), stream.arn, Fixture.hub),
            ] {
                #expect(try await !store.reportEdgeJobs(key, streamARN: arn, hubDeviceARN: hub, recorder: job, uploader: job))
            }
            #expect(try Self.row(database) == before)
        }
    }

    // MARK: With the stream

    @Test(arguments: Engine.allCases) func `a configuration goes with its stream, whatever its status`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            _ = try await store.createActive("other")
            let other = try await store.startEdge("other")
            for status in Self.atWork + Self.settled {
                let stream = try await store.createActive("gate")
                let found = try await store.startEdge("gate")
                try database.setEdgeStatus(status)
                try await store.deleteAtOnce(Self.key)
                #expect(try await store.edgeConfiguration(Self.key) == nil)
                #expect(try await store.history(stream.arn).count == 5)
                #expect(try await !store.moveEdgeConfiguration(found, .gone, .fresh()))
            }
            #expect(try database.rows("SELECT stream_name FROM edge_configuration") == [["other"]])
            #expect(try await store.edgeConfiguration(.named("other"))?.revision == other.revision)
            // The next stream of the name begins without one.
            _ = try await store.createActive("gate")
            #expect(try await Self.delete(store) == "refused: ACTIVE, none")
        }
    }

    @Test(arguments: Engine.allCases) func `a move and the stream's removal at once leave nothing behind`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            for _ in 0..<8 {
                let stream = try await store.createActive("gate")
                let found = try await store.startEdge("gate")
                _ = try await store.delete(Self.key, expectedVersion: nil, removalDelay: 0, .fresh())
                let moved = try await atOnce(2) { number in
                    if number == 0 {
                        try await store.finishTasks()
                        return false
                    }
                    return try await store.moveEdgeConfiguration(found, .awaiting(status: .acknowledged, timeout: 1), .fresh())
                }
                #expect(try Self.row(database) == [])
                #expect(try await store.history(stream.arn).count == (moved.contains(true) ? 6 : 5))
                #expect(try await store.history(stream.arn).last == "StreamStatusChange DELETED")
            }
            #expect(faults.conflicts == 0)
        }
    }

    // On Postgres statements of one batch see what others committed between them.

    @Test(arguments: ["status = 'UPDATING'", "data_retention_in_hours = 0"])
    func `a stream that is changed while it is waited for gets no configuration`(_ change: String) async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let blocker = try Blocker(database, "UPDATE stream SET \(change)")
            async let word = Self.start(store)
            try await blocker.blocksOne(in: database)
            try blocker.release()
            #expect(try await word.hasPrefix("refused: "))
            #expect(try Self.row(database) == [])
            #expect(try await store.history(stream.arn).count == 2)
        }
    }

    @Test func `a stream that is DELETING by the time it is locked loses no configuration to an operator`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            _ = try await store.createActive("gate")
            try await store.startEdge("gate")
            try database.setEdgeStatus("IN_SYNC")
            let blocker = try Blocker(database, "UPDATE stream SET status = 'DELETING'")
            async let word = Self.delete(store)
            try await blocker.blocksOne(in: database)
            try blocker.release()
            #expect(try await word == "refused: DELETING, IN_SYNC")
        }
    }

    @Test func `a move locks the stream before the configuration`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            _ = try await store.createActive("gate")
            let found = try await store.startEdge("gate")
            let blocker = try Blocker(database, "SELECT name FROM stream FOR UPDATE")
            async let isMoved = store.moveEdgeConfiguration(found, .gone, .fresh())
            try await blocker.blocksOne(in: database)
            #expect(throws: Never.self) { try database.execute("SELECT stream_name FROM edge_configuration FOR UPDATE NOWAIT") }
            try blocker.release()
            #expect(try await isMoved)
        }
    }

    // MARK: Lists

    @Test(arguments: Engine.allCases) func `a thing's configurations come in byte order, only its own, in pages of any size`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let names = ["-", "0", "A", "B", "Z", "_", "a", "a-b", "a.b", "aB", "a_b", "b"]
            for name in names.reversed() { _ = try await store.create(.named(name)) }
            for name in ["a-other-hub", "a-without"] { _ = try await store.create(.named(name)) }
            try await store.finishTasks()
            for name in names { try await store.startEdge(name) }
            try await store.startEdge("a-other-hub", hub: Fixture.hub + "2")
            // The same thing, as far as its name goes, of another account and another region.
            for key in [ResourceKey.named("a-stranger", account: "444455556666"), .named("a-abroad", region: "eu-west-2")] {
                _ = try await store.createResource(key, .fresh())
                try await store.finishTasks()
                #expect(try await Self.start(store, key) == "accepted")
            }
            func list(after: String? = nil, limit: Int = 100, hub: String = Fixture.hub) async throws -> [String] {
                try await store.edgeConfigurations(
                    account: Fixture.account, region: Fixture.region, hubDeviceARN: hub, after: after, limit: limit
                ).map(\.key.name)
            }
            #expect(try await list() == names)
            #expect(try await list(hub: Fixture.hub + "2") == ["a-other-hub"])
            #expect(try await list(hub: Fixture.hub + "3") == [])
            #expect(try await list(after: "a-a") == ["a-b", "a.b", "aB", "a_b", "b"])
            #expect(try await list(after: "b") == [])
            for limit in [1, 5, 12, 13] {
                var listed: [String] = []
                while listed.count <= names.count {
                    let page = try await list(after: listed.last, limit: limit)
                    #expect(page.count <= limit)
                    if page.isEmpty { break }
                    listed += page
                }
                #expect(listed == names, "limit \(limit)")
            }
        }
    }
}
