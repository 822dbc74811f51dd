import Contract
import Foundation
import Locking
import Signing
import TestSupport
import Testing

@testable import Client
@testable import EdgeAgent

@Suite("Back-off")
struct BackoffTests {
    @Test("Waits a random part of a limit that doubles, up to the last")
    func limits() {
        var longest = [Duration](repeating: .zero, count: 8)
        var shortest = [Duration](repeating: .seconds(100), count: 8)
        var backoff = Backoff(from: .seconds(1), upTo: .seconds(30))
        for _ in 0..<2000 {
            backoff.reset()
            for index in 0..<8 {
                let wait = backoff.next()
                longest[index] = max(longest[index], wait)
                shortest[index] = min(shortest[index], wait)
            }
        }
        for (index, limit) in [1.0, 2, 4, 8, 16, 30, 30, 30].enumerated() {
            #expect(longest[index] <= .seconds(limit) && longest[index] > .seconds(limit * 0.95))
            #expect(shortest[index] >= .zero && shortest[index] < .seconds(limit * 0.05))
        }
    }
}

@Suite("Agent")
struct AgentTests {
    private let temporary = TemporaryFolder()
    private let lines = LogBook()

    /// An agent that waits only a little, and counts for what.
    private func agent(_ deployment: FakeDeployment, _ disk: any Disk = LocalDisk(), _ pauses: Pauses = Pauses()) throws -> Agent {
        let credentials = Credentials(accessKeyID: "AKID", secretAccessKey: "hush-key", sessionToken: "hush-token")
        let api = DeploymentAPI(
            endpoint: try Endpoint("http://weir.test/prefix/"),
            signer: RequestSigner(credentials: credentials, region: "us-east-1", service: "kinesisvideo"), exchange: deployment,
            userAgent: "weir-edge-agent")
        var agent = Agent(
            thing: thing, folder: try Folder(temporary.path + "/agent", disk: disk, logger: lines.logger), api: api, logger: lines.logger)
        agent.pace.sleep = { duration in
            pauses.add(duration)
            try await Task.sleep(for: .milliseconds(5))
        }
        return agent
    }

    /// How long an agent wanted to wait.
    final class Pauses: Sendable {
        private let durations = Lock<[Duration]>([])
        var all: [Duration] { durations.withLock { $0 } }
        func add(_ duration: Duration) { durations.withLock { $0.append(duration) } }
    }

    private func expectNothingSecret() {
        for line in lines.details { #expect(!line.contains("hush") && !line.contains("secretsmanager"), "\(line)") }
    }

    // MARK: Once

    @Test("Does all there is to do, then nothing")
    func once() async throws {
        let deployment = FakeDeployment([
            arn("new"): .init(revision: "r1", status: .syncing), arn("known"): .init(revision: "r1", status: .acknowledged),
            arn("lost"): .init(revision: "r1", status: .inSync), arn("old"): .init(revision: "r2", status: .deleting),
            arn("older"): .init(revision: "r2", status: .deletingAcknowledged), arn("failed"): .init(revision: "r1", status: .syncFailed),
            arn("again", 2): .init(revision: "r1", status: .inSync),
        ])
        for name in ["old.media/1.mkv", "older.media/1.mkv"] { try temporary.write("agent/" + name, "") }
        let agent = try agent(deployment)
        for name in [arn("old"), arn("removed"), arn("again", 1)] { try await agent.folder.write(configuration(name, "r0")) }
        try temporary.write("agent/new.recorder-status.json", #"{"Status": "SUCCESS"}"#)
        try await agent.runOnce()

        #expect(
            await deployment.entries == [
                arn("new"): .init(revision: "r1", status: .inSync), arn("known"): .init(revision: "r1", status: .inSync),
                arn("lost"): .init(revision: "r1", status: .inSync), arn("failed"): .init(revision: "r1", status: .syncFailed),
                arn("again", 2): .init(revision: "r1", status: .inSync),
            ])
        #expect(
            try temporary.names() == [
                "agent/", "agent/again.json", "agent/known.json", "agent/lost.json", "agent/new.json", "agent/new.recorder-status.json",
            ])
        #expect(try await agent.folder.held().map(\.streamARN) == [arn("again", 2), arn("known"), arn("lost"), arn("new")])
        #expect(await deployment.statuses.map(\.streamARN) == [arn("new")])
        let calls = await deployment.calls
        #expect(calls.count { $0 == "AcknowledgeEdgeConfiguration" } == 4)
        #expect(calls.count { $0 == "ReportEdgeConfigurationResult" } == 4)

        try await agent.runOnce()
        #expect(await deployment.calls == calls + ["FetchEdgeConfigurations"])
        expectNothingSecret()
    }

    @Test("More than fit one answer are fetched in several")
    func many() async throws {
        let names = (0..<1100).map { arn("s\($0)") }
        let deployment = FakeDeployment(
            Dictionary(uniqueKeysWithValues: names.map { ($0, FakeDeployment.Entry(revision: "r1", status: .inSync)) }))
        let agent = try agent(deployment)
        try await agent.runOnce()
        #expect(try await agent.folder.held().count == 1100)
        #expect(await deployment.calls.count == 3)
    }

    @Test("What cannot be written is reported, with the reason")
    func diskFull() async throws {
        let deployment = FakeDeployment([arn("a"): .init(revision: "r1", status: .syncing)])
        try await agent(deployment, FailingDisk(failing: (.write, ENOSPC))).runOnce()
        let entry = await deployment.entries[arn("a")]
        #expect(entry?.status == .syncFailed)
        #expect(entry?.details?.hasSuffix("cannot be changed: No space left on device") == true)
        expectNothingSecret()
    }

    @Test("Media that cannot be removed is reported, and the recorder is given a moment to stop")
    func mediaStays() async throws {
        let deployment = FakeDeployment([arn("a"): .init(revision: "r1", status: .deleting)])
        try temporary.write("agent/a.media/1.mkv", "")
        let pauses = Pauses()
        try await agent(deployment, FailingDisk(failing: (.removeFolder, ENOTEMPTY)), pauses).runOnce()
        #expect(await deployment.entries[arn("a")]?.status == .deleteFailed)
        #expect(pauses.all == Array(repeating: .milliseconds(500), count: 10))
    }

    @Test("A folder that cannot be listed is reported")
    func badFolder() async throws {
        let deployment = FakeDeployment([arn("a"): .init(revision: "r1", status: .syncing)])
        let agent = try agent(deployment)
        try FileManager.default.removeItem(atPath: temporary.path + "/agent")
        try temporary.write("agent", "a file")
        try await agent.runOnce()
        #expect(await deployment.entries[arn("a")]?.status == .syncFailed)
    }

    @Test("What the deployment keeps asking for in vain is an error in the end")
    func inVain() async throws {
        let deployment = FakeDeployment([arn("a"): .init(revision: "r1", status: .inSync)])
        let agent = try agent(deployment, FailingDisk(failing: (.write, EROFS)))
        await #expect(throws: Agent.Unfinished.self) { try await agent.runOnce() }
        #expect(await deployment.calls.count == 5)
        #expect(await deployment.entries[arn("a")]?.status == .inSync)
    }

    @Test(
        "An answer that the agent was overtaken makes it fetch again",
        arguments: [
            ("AcknowledgeEdgeConfiguration", "VersionMismatchException", 400),
            ("AcknowledgeEdgeConfiguration", "ResourceInUseException", 400),
            ("ReportEdgeConfigurationResult", "VersionMismatchException:http://namespace/", 400),
            ("ReportEdgeConfigurationResult", "StreamEdgeConfigurationNotFoundException", 404),
        ])
    func overtaken(_ operation: String, _ type: String, _ status: Int) async throws {
        let deployment = FakeDeployment([
            arn("a"): .init(revision: "r1", status: .syncing), arn("b"): .init(revision: "r1", status: .syncing),
        ])
        await deployment.answer(operation, with: [FakeDeployment.error(status, type)])
        try await agent(deployment).runOnce()
        #expect(await deployment.entries.values.map(\.status) == [.inSync, .inSync])
        #expect(lines.count(of: "changed its mind") == 1)
        #expect(await deployment.calls.filter { $0 == "FetchEdgeConfigurations" }.count == 3)
    }

    @Test(
        "A refusal ends it, and says why",
        arguments: [(403, "AccessDeniedException"), (503, "ServiceUnavailable"), (404, "UnknownOperationException")])
    func refused(_ status: Int, _ type: String) async throws {
        let deployment = FakeDeployment()
        await deployment.answer("FetchEdgeConfigurations", with: [FakeDeployment.error(status, type, #"{"message":"because"}"#)])
        let agent = try agent(deployment)
        let failure = await #expect(throws: CallFailure.self) { try await agent.runOnce() }
        #expect(failure?.description == "FetchEdgeConfigurations: \(status) \(type): because")
    }

    // MARK: Killed

    @Test("Killed between any two steps, the next start comes to the same end")
    func killed() async throws {
        var expected: [String: Data]?
        var steps: Int?
        while true {
            let temporary = TemporaryFolder()
            try await AgentTests.prepare(temporary)
            let fuse = Fuse(after: steps)
            let deployment = FakeDeployment(
                [
                    arn("a"): .init(revision: "r2", status: .syncing), arn("b"): .init(revision: "r1", status: .syncing),
                    arn("c"): .init(revision: "r2", status: .deleting), arn("lost"): .init(revision: "r1", status: .inSync),
                    arn("again", 2): .init(revision: "r1", status: .syncing),
                ], fuse: fuse)
            await AgentTests.runUntilKilled(temporary, deployment, fuse)
            for (name, data) in try temporary.contents() where StreamFiles.isConfiguration(name) {
                #expect(throws: Never.self, "\(name) is whole after \(steps ?? 0) steps") { try JSONSerialization.jsonObject(with: data) }
            }

            let survivor = FakeDeployment(await deployment.entries)
            await AgentTests.runUntilKilled(temporary, survivor, Fuse())
            #expect(
                await survivor.entries == [
                    arn("a"): .init(revision: "r2", status: .inSync), arn("b"): .init(revision: "r1", status: .inSync),
                    arn("lost"): .init(revision: "r1", status: .inSync), arn("again", 2): .init(revision: "r1", status: .inSync),
                ])
            // The first time, without being killed, is the measure of the others.
            let contents = try temporary.contents()
            #expect(contents == expected ?? contents, "after \(steps ?? 0) steps")
            expected = expected ?? contents
            if steps != nil, !fuse.isBlown { break }
            steps = (steps ?? -1) + 1
        }
        #expect(expected?.keys.sorted() == ["a.json", "again.json", "b.json", "gone.media/", "gone.media/1.mkv", "lost.json"])
        #expect((steps ?? 0) > 50)
    }

    private static func prepare(_ temporary: TemporaryFolder) async throws {
        let folder = try Folder(temporary.path, logger: LogBook().logger)
        for streamARN in [arn("a"), arn("c"), arn("gone"), arn("again", 1)] { try await folder.write(configuration(streamARN, "r1")) }
        for name in [
            "c.media/1.mkv", "c.media/day/2.mkv", "c.recorder-status.json", "again.recorder-status.json", "gone.uploader-status.json",
            "gone.media/1.mkv",
        ] {
            try temporary.write(name, "")
        }
    }

    private static func runUntilKilled(_ temporary: TemporaryFolder, _ deployment: FakeDeployment, _ fuse: Fuse) async {
        let credentials = Credentials(accessKeyID: "AKID", secretAccessKey: "hush-key")
        let signer = RequestSigner(credentials: credentials, region: "us-east-1", service: "kinesisvideo")
        guard let endpoint = try? Endpoint("http://weir.test/prefix"),
            let folder = try? Folder(temporary.path, disk: FailingDisk(fuse: fuse), logger: LogBook().logger)
        else { return }
        var agent = Agent(
            thing: thing, folder: folder,
            api: DeploymentAPI(endpoint: endpoint, signer: signer, exchange: deployment, userAgent: "weir-edge-agent"),
            logger: LogBook().logger)
        agent.pace.sleep = { _ in }
        try? await agent.runOnce()
    }

    // MARK: For ever

    @Test("Acts while it waits, tells statuses meanwhile, and does not wait for the long poll to stop")
    func following() async throws {
        let deployment = FakeDeployment()
        let agent = try agent(deployment)
        let running = Task { try await agent.run() }
        #expect(try await until { await deployment.waiting == 1 })

        await deployment.set(arn("a"), "r1", .syncing)
        #expect(try await until { await deployment.entries[arn("a")]?.status == .inSync })
        #expect(try temporary.names().contains("agent/a.json"))
        #expect(try await until { await deployment.waiting == 1 })
        let fetches = await deployment.calls.filter { $0 == "FetchEdgeConfigurations" }.count
        try temporary.write("agent/a.uploader-status.json", #"{"Status": "SYSTEM_ERROR"}"#)
        #expect(try await until { await deployment.statuses.map(\.uploaderStatus?.status) == [.systemError] })
        await deployment.set(arn("a"), "r2", .deleting)
        #expect(try await until { await deployment.entries.isEmpty })
        #expect(try temporary.names() == ["agent/"])
        #expect(try await until { await deployment.waiting == 1 })
        #expect(await deployment.calls.filter { $0 == "FetchEdgeConfigurations" }.count < fetches + 5)

        let start = ContinuousClock.now
        running.cancel()
        try await running.value
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(lines.count(of: "stopped") == 1)
        #expect(lines.count(of: "cannot go on") == 0)
        expectNothingSecret()
    }

    @Test("Stopped while it deletes, it does not say that it failed")
    func stoppedWhileDeleting() async throws {
        let deployment = FakeDeployment([arn("a"): .init(revision: "r1", status: .deleting)])
        try temporary.write("agent/a.media/1.mkv", "")
        let pauses = Pauses()
        var agent = try agent(deployment, FailingDisk(failing: (.removeFolder, ENOTEMPTY)))
        agent.pace.sleep = { duration in
            pauses.add(duration)
            try await Task.sleep(for: .seconds(60))
        }
        let running = Task { [agent] in try await agent.run() }
        #expect(try await until { pauses.all.contains(agent.pace.recorderStops) })
        running.cancel()
        try await running.value
        #expect(await deployment.entries[arn("a")]?.status == .deletingAcknowledged)
    }

    @Test("Outlives every failure, backs off while it lasts, and asks seldom where it is denied")
    func failures() async throws {
        let unavailable = [
            FakeDeployment.error(500, "InternalFailure"), FakeDeployment.error(503, "ServiceUnavailable"),
            FakeDeployment.error(400, "ThrottlingException"), FakeDeployment.error(400, "ClientLimitExceededException"),
            FakeDeployment.error(429, nil), FakeDeployment.error(408, "RequestTimeoutException"), FakeDeployment.error(502, nil, "<html>"),
            FakeDeployment.error(200, nil, "<html>"), FakeDeployment.error(200, nil, #"{"EdgeConfigurations":[]}"#),
        ]
        let denied = [
            FakeDeployment.error(403, "AccessDeniedException"),
            FakeDeployment.error(403, "InvalidSignatureException", #"{"message":"why"}"#),
            FakeDeployment.error(404, "UnknownOperationException"), FakeDeployment.error(400, "ValidationException"),
        ]
        let deployment = FakeDeployment([arn("a"): .init(revision: "r1", status: .syncing)])
        await deployment.answer("FetchEdgeConfigurations", with: unavailable + denied)
        await deployment.answer("ReportEdgeConfigurationResult", with: [FakeDeployment.error(500, nil)])
        let pauses = Pauses()
        let agent = try agent(deployment, LocalDisk(), pauses)
        let running = Task { try await agent.run() }
        #expect(try await until { await deployment.entries[arn("a")]?.status == .inSync })
        running.cancel()
        try await running.value

        #expect(lines.count(of: "warning: cannot go on for now") == unavailable.count + 1)
        #expect(lines.count(of: "error: the deployment refuses this agent") == denied.count)
        #expect(lines.count(of: "403 AccessDeniedException: why") == 1)
        #expect(pauses.all.count { $0 == .seconds(30) } == denied.count)
        #expect(pauses.all.allSatisfy { $0 <= .seconds(30) })
        expectNothingSecret()
    }

    @Test("A status that is refused is not said again, one that did not arrive is")
    func refusedStatus() async throws {
        let deployment = FakeDeployment([arn("a"): .init(revision: "r1", status: .syncing)])
        await deployment.answer(
            "ReportEdgeAgentStatus",
            with: [FakeDeployment.error(503, nil), FakeDeployment.error(404, "StreamEdgeConfigurationNotFoundException")])
        let agent = try agent(deployment)
        let running = Task { try await agent.run() }
        #expect(try await until { await deployment.entries[arn("a")]?.status == .inSync })
        try temporary.write("agent/a.recorder-status.json", #"{"Status": "USER_ERROR"}"#)
        #expect(try await until { lines.count(of: "does not take a status") == 1 })
        try temporary.write("agent/a.recorder-status.json", #"{"Status": "SUCCESS"}"#)
        #expect(try await until { await deployment.statuses.map(\.recorderStatus?.status) == [.success] })
        running.cancel()
        try await running.value
        #expect(await deployment.calls.filter { $0 == "ReportEdgeAgentStatus" }.count == 3)
    }

    @Test("A deployment that answers at once, again and again, is not asked without a pause")
    func hasty() async throws {
        let deployment = FakeDeployment()
        let nothing = Array(#"{"EdgeConfigurations":[],"RemovedStreamARNs":[]}"#.utf8)
        await deployment.answer("FetchEdgeConfigurations", with: Array(repeating: ReceivedAnswer(status: 200, body: nothing), count: 5))
        let pauses = Pauses()
        var agent = try agent(deployment, LocalDisk(), pauses)
        agent.pace.first = .milliseconds(1234)
        let running = Task { [agent] in try await agent.run() }
        #expect(try await until { await deployment.calls.count > 5 })
        // An answer that took its time, on a busy machine, needs no pause after it.
        #expect(pauses.all.count { $0 == .milliseconds(1234) } > 0)
        running.cancel()
        try await running.value
    }
}
