import Crypto
import Foundation
import Identity
import Prometheus
import SQL
import Store
import TestSupport
import Testing

@testable import Audit

/// Records from a call to the check of them, in a file, in the table and in both, and what an attacker without the master key may try.
@Suite struct AuditLogTests {
    private static let key = AuditKey(SymmetricKey(data: Array(repeating: UInt8(7), count: 32)))

    private struct Place {
        let folder: URL
        let store: Store
        let database: TestDatabase
        var path: String { folder.appending(path: "audit.jsonl").path }

        func settings(inTable: Bool = false, bytes: Int = 1 << 20, refuses: Bool = true) -> AuditSettings {
            AuditSettings(file: path, fileBytes: bytes, isInTable: inTable, retention: 86_400_000, refuses: refuses)
        }

        func log(_ name: String, _ settings: AuditSettings) async throws -> AuditLog {
            try await AuditLog(settings, instance: name, key: key, store: store, registry: Registry(), logger: .quiet)
        }

        /// What `weir audit verify` finds in the file.
        func verified(_ anchors: [AuditVerifier.Anchor] = []) async throws -> AuditVerifier.Finding {
            let place = settings().place
            return try AuditReading.verify(
                file: path,
                AuditVerifier(key: key, chains: try await store.auditChains(), anchors: anchors) { $0.place == place })
        }

        func verifiedTable() async throws -> AuditVerifier.Finding {
            try await AuditReading.verify(
                table: store, AuditVerifier(key: key, chains: try await store.auditChains()) { $0.isInTable })
        }

        var lines: [String] {
            get throws { try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init) }
        }

        func write(_ lines: [String]) throws {
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
        }
    }

    private func with(_ engine: Engine = .sqlite, _ body: (Place) async throws -> Void) async throws {
        try await TestDatabase.with(engine) { database in
            let folder = FileManager.default.temporaryDirectory.appending(path: "audit-\(UUID())")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            try await body(Place(folder: folder, store: Store(database.database), database: database))
        }
    }

    private func entry(_ name: String, time: Int64 = 1_700_000_000_000) -> AuditEntry {
        AuditEntry(
            identity: AuditEntry.Identity(
                type: "IAMUser", principalID: "ada", arn: "arn:aws:iam::\(Fixture.account):user/ada", account: Fixture.account,
                keyID: "AKIATEST", userName: "ada"),
            time: time, eventName: name, region: Fixture.region, resources: ["stream/gate"])
    }

    /// Runs a log until it has written what it was given and has told the database.
    private func write(_ names: [String], _ log: AuditLog, end: Bool = true) async throws {
        for name in names { try await log.record(entry(name)) }
        guard end else { return }
        await log.tick(isEnd: true)
    }

    @Test(arguments: [Engine.sqlite, .postgres]) func `what is written is whole, in file and table`(engine: Engine) async throws {
        try await with(engine) { place in
            try await write(["CreateStream", "TagStream"], place.log("a", place.settings(inTable: true)))
            try await write(["DeleteStream"], place.log("b", place.settings(inTable: true)))
            for finding in [try await place.verified(), try await place.verifiedTable()] {
                #expect(finding.faults == [])
                #expect(finding.remarks == [])
                #expect(finding.records == 3)
                #expect(finding.anchors.map(\.chain) == ["a", "b"])
            }
            let record = try #require(AuditRecord(line: try place.lines[0][...]))
            #expect(record.eventName == "CreateStream")
            #expect(record.principal == "arn:aws:iam::\(Fixture.account):user/ada")
            #expect(record.resource == "stream/gate")
            #expect(record.time == 1_700_000_000_000)
            let mode = try FileManager.default.attributesOfItem(atPath: place.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test(arguments: [Engine.sqlite, .postgres]) func `who stops the log waits for what is being written`(engine: Engine) async throws {
        try await with(engine) { place in
            let gate = Gate()
            let faults = FaultInjectingDatabase(place.database.database)
            let log = try await AuditLog(
                place.settings(inTable: true), instance: "a", key: Self.key, store: Store(faults), registry: Registry(), logger: .quiet)
            faults.inject(.hold(gate))
            let record = entry("CreateStream")
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await log.record(record) }
                try await eventually("the record is on its way to the table") { gate.arrived == 1 }
                tasks.addTask { await log.tick(isEnd: true) }
                // Were it not waited for, the end of the chain would be told to the database now.
                let writes = faults.writes.count
                for _ in 0..<100 { await Task.yield() }
                #expect(faults.writes.count == writes)
                gate.open()
                try await tasks.waitForAll()
            }
            #expect(try await place.verified().faults == [])
            #expect(try await place.verifiedTable().records == 1)
            #expect(try await place.verifiedTable().faults == [])
            #expect(try await place.verified().anchors.map(\.sequence) == [1])
        }
    }

    @Test func `many at once are all written, in one chain`() async throws {
        try await with { place in
            let log = try await place.log("a", place.settings(inTable: true))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<300 { tasks.addTask { try await log.record(entry("E\(number)")) } }
                try await tasks.waitForAll()
            }
            try await write([], log)
            #expect(try await place.verified().records == 300)
            #expect(try await place.verified().faults == [])
            #expect(try await place.verifiedTable().records == 300)
            #expect(try await place.verifiedTable().faults == [])
        }
    }

    @Test func `nothing can be changed, taken out, put in or cut off in the file`() async throws {
        try await with { place in
            try await write(["A", "B", "C", "D"], place.log("a", place.settings()))
            try await write(["E", "F"], place.log("b", place.settings()))
            let whole = try place.lines
            #expect(whole.count == 6)
            #expect(try await place.verified().faults == [])
            let anchors = try await place.verified().anchors
            func faults(_ lines: [String]) async throws -> [String] {
                try place.write(lines)
                return try await place.verified().faults
            }
            #expect(try await faults([whole[0].replacing("\"A\"", with: "\"X\"")] + whole[1...]) != [])
            #expect(try await faults(Array(whole[1...])) == ["Records 1 to 1 of chain a are missing."])
            #expect(try await faults([whole[0]] + whole[2...]) == ["Records 2 to 2 of chain a are missing."])
            #expect(try await faults(whole.dropLast()) == ["Records 2 to 2 of chain b, the newest ones, are missing."])
            #expect(try await faults(Array(whole[..<4])) == ["Records 1 to 2 of chain b, the newest ones, are missing."])
            #expect(try await faults(Array(whole[4...])) == ["Records 1 to 4 of chain a, the newest ones, are missing."])
            #expect(try await faults([whole[1], whole[0]] + whole[2...]) != [])
            #expect(try await faults([whole[0], whole[0]] + whole[1...]) == ["After record 1 of chain a comes record 1."])
            #expect(try await faults([whole[0].replacing("}}", with: "}")] + whole[1...]) != [])
            // Another key's record, of the next place.
            let forged = AuditLink.line(
                Array(#"{"eventName":"X"}"#.utf8), chain: "b", sequence: 3, previous: anchors[1].code,
                key: AuditKey(SymmetricKey(size: .bits256)))
            #expect(
                try await faults(whole + [String(decoding: forged.bytes, as: UTF8.self)])
                    == ["A line that says it is record 3 of chain b was changed."])
            try FileManager.default.removeItem(atPath: place.path)
            #expect(try await place.verified().faults.count == 2)
            // With the file, the database may be put back to an older state; what was told of elsewhere shows it.
            try place.write(Array(whole[..<4]))
            try place.database.execute("DELETE FROM audit_chain WHERE id = 'b'")
            #expect(try await place.verified().faults == [])
            #expect(try await place.verified(anchors).faults == ["Record 2 of chain b, which was told of, is missing."])
            try place.database.execute("UPDATE audit_chain SET last_sequence = 3 WHERE id = 'a'")
            let found = try await place.verified().faults
            #expect(
                found == [
                    "What the database says of the end of chain a was changed.",
                    "The record 3 of chain a is another than the newest one was.",
                ])
        }
    }

    @Test(arguments: [Engine.sqlite, .postgres]) func `nothing can be changed in the table`(engine: Engine) async throws {
        try await with(engine) { place in
            var settings = place.settings(inTable: true)
            settings.file = nil
            for name in ["a", "b", "c"] { try await write(["A", "B", "C"], place.log(name, settings)) }
            #expect(try await place.verifiedTable().faults == [])
            try place.database.execute("UPDATE audit_record SET principal = 'x' WHERE chain = 'a' AND sequence = 1")
            #expect(try await place.verifiedTable().faults.first == "Record 1 of chain a is another than its columns say.")
            try place.database.execute("DELETE FROM audit_record WHERE chain = 'b' AND sequence = 3")
            #expect(try await place.verifiedTable().faults.last == "Records 3 to 3 of chain b, the newest ones, are missing.")
            try place.database.execute("DELETE FROM audit_record; DELETE FROM audit_chain WHERE id <> 'c'")
            #expect(try await place.verifiedTable().faults.first == "Chains are missing before number 3, the oldest there is.")
        }
    }

    @Test func `a torn line at the end is no record and proves nothing`() async throws {
        try await with { place in
            try await write(["A"], place.log("a", place.settings()))
            let half = try place.lines[0].prefix(100)
            try Data((try place.lines[0] + "\n" + half).utf8).write(to: URL(fileURLWithPath: place.path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: place.path)
            try await write(["B"], place.log("b", place.settings()))
            let finding = try await place.verified()
            #expect(finding.faults == [])
            #expect(finding.remarks == ["A line after 1 records is no record: 100 bytes."])
            #expect(finding.records == 2)
        }
    }

    @Test func `full files are kept under another name, and read in their order`() async throws {
        try await with { place in
            try await write((0..<30).map { "E\($0)" }, place.log("a", place.settings(bytes: 4096)))
            #expect(AuditFile.all(place.path).count > 3)
            var names: [String] = []
            try AuditReading.forEachRecord(file: place.path) { names.append($0.eventName) }
            #expect(names == (0..<30).map { "E\($0)" })
            #expect(try await place.verified().faults == [])
        }
    }

    @Test func `what cannot be written refuses changes, is written later, and breaks no chain`() async throws {
        try await with { place in
            let log = try await place.log("a", place.settings())
            try await log.record(entry("A"))
            // A folder in the place of the file: nobody can write there, root included.
            let aside = place.path + "-aside"
            try FileManager.default.moveItem(atPath: place.path, toPath: aside)
            try FileManager.default.createDirectory(atPath: place.path, withIntermediateDirectories: false)
            await #expect(throws: (any Error).self) { try await log.record(entry("B")) }
            #expect(log.obstacle != nil)
            await #expect(throws: (any Error).self) { try await log.record(entry("C")) }
            try FileManager.default.removeItem(atPath: place.path)
            try FileManager.default.moveItem(atPath: aside, toPath: place.path)
            try await write([], log)
            #expect(log.obstacle == nil)
            try await write(["D"], log)
            var names: [String] = []
            try AuditReading.forEachRecord(file: place.path) { names.append($0.eventName) }
            #expect(names == ["A", "B", "C", "D"])
            #expect(try await place.verified().faults == [])
        }
    }

    @Test func `where changes go on, what is lost is counted and told`() async throws {
        try await with { place in
            let log = try await place.log("a", place.settings(bytes: 64 << 20, refuses: false))
            let aside = place.path + "-aside"
            try FileManager.default.moveItem(atPath: place.path, toPath: aside)
            try FileManager.default.createDirectory(atPath: place.path, withIntermediateDirectories: false)
            for number in 0..<10_003 { try await log.record(entry("E\(number)")) }
            #expect(log.obstacle == nil)
            try FileManager.default.removeItem(atPath: place.path)
            try FileManager.default.moveItem(atPath: aside, toPath: place.path)
            try await write([], log)
            try await write([], log)
            let lines = try place.lines
            #expect(lines.count == 10_001)
            #expect(lines.last?.contains(#""eventName":"RecordsLost""#) == true)
            #expect(lines.last?.contains(#""additionalEventData":{"records":3}"#) == true)
            #expect(try await place.verified().faults == [])
        }
    }

    @Test(arguments: [Engine.sqlite, .postgres]) func `old records go, and what is left is whole`(engine: Engine) async throws {
        try await with(engine) { place in
            let settings = place.settings(inTable: true, bytes: 4096)
            try await write((0..<20).map { "E\($0)" }, place.log("a", settings))
            try place.database.clock.advance(by: 3 * 86_400_000)
            let log = try await place.log("b", settings)
            try await log.record(entry("New", time: place.database.clock.now))
            try await write([], log)
            let files = AuditFile.all(place.path).count
            try await AuditRetention(settings, key: Self.key, store: place.store, logger: .quiet).cleanUp()
            #expect(try await place.verifiedTable().faults == [])
            #expect(try await place.verifiedTable().records == 1)
            #expect(AuditFile.all(place.path).count < files)
            #expect(try await place.verified().faults == [])
            // What is too old may not go either, but by the log itself.
            try place.write(try place.lines.filter { !$0.contains("New") })
            #expect(try await place.verified().faults == ["Records 1 to 1 of chain b, the newest ones, are missing."])
        }
    }

    @Test func `chains of which nothing is kept are forgotten, and the oldest one says so`() async throws {
        try await with { place in
            var settings = place.settings(inTable: true)
            settings.file = nil
            for name in ["a", "b"] { try await write(["E"], place.log(name, settings)) }
            try place.database.clock.advance(by: 3 * 86_400_000)
            let log = try await place.log("c", settings)
            try await log.record(entry("New", time: place.database.clock.now))
            try await write([], log)
            try await AuditRetention(settings, key: Self.key, store: place.store, logger: .quiet).cleanUp()
            #expect(try await place.store.auditChains().map(\.id) == ["c"])
            #expect(try await place.verifiedTable().faults == [])
            try place.database.execute("UPDATE audit_chain SET is_oldest = 0")
            #expect(try await place.verifiedTable().faults.count == 2)
        }
    }

    @Test func `of requests that anybody can send some are told and the others counted`() async throws {
        try await with { place in
            let log = try await place.log("a", place.settings())
            let sampled = (0..<50).filter { _ in log.samples(now: 5000) }.count
            #expect(sampled == 20)
            #expect(log.samples(now: 6000))
            try await write([], log)
            #expect(try place.lines.last?.contains(#""eventName":"RefusedRequestsLeftOut""#) == true)
            #expect(try place.lines.last?.contains(#""additionalEventData":{"requests":30}"#) == true)
        }
    }
}
