import Contract
import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Statuses")
struct StatusWatchTests {
    private let temporary = TemporaryFolder()
    private let lines = LogBook()

    private func folder() async throws -> Folder {
        let folder = try Folder(temporary.path, logger: lines.logger)
        try await folder.write(configuration(arn("a"), "r1"))
        return folder
    }

    /// What is new, and is told.
    private func tell(_ folder: Folder) async -> [ReportEdgeAgentStatus.Input] {
        let news = await folder.untoldStatuses(thing: thing)
        for item in news { await folder.told(item) }
        return news.map(\.input)
    }

    @Test("Both are told at once, each change once, and again what could not be told")
    func changes() async throws {
        let folder = try await folder()
        #expect(await tell(folder).isEmpty)
        try temporary.write(
            "a.recorder-status.json", #"{"Status": "SUCCESS", "JobStatusDetails": "fine", "LastCollectedTime": 1705489836.421}"#)
        try temporary.write("a.uploader-status.json", #"{"Status": "USER_ERROR"}"#)
        try temporary.write("b.recorder-status.json", #"{"Status": "SUCCESS"}"#)
        #expect(await folder.untoldStatuses(thing: thing).count == 1)
        let first = await tell(folder)
        #expect(first.map(\.streamARN) == [arn("a")])
        #expect(first.first?.hubDeviceArn == thing)
        #expect(
            first.first?.recorderStatus
                == AgentJobStatus(
                    jobStatusDetails: "fine", lastCollectedTime: Timestamp(millisecondsSinceEpoch: 1_705_489_836_421), status: .success))
        #expect(first.first?.uploaderStatus == AgentJobStatus(jobStatusDetails: nil, lastCollectedTime: nil, status: .userError))
        #expect(await tell(folder).isEmpty)

        // Of the same length, most likely within the same tick of the clock, and in the same file.
        try temporary.write(
            "a.recorder-status.json", #"{"Status": "SUCCESS", "JobStatusDetails": "lame", "LastCollectedTime": 1705489836.421}"#)
        let second = await tell(folder)
        #expect(second.first?.recorderStatus?.jobStatusDetails == "lame")
        #expect(second.first?.uploaderStatus == nil)
        #expect(second.count == 1)

        // The same words in another file are no news.
        try temporary.write("new", #"{"Status": "USER_ERROR"}"#)
        #expect(rename(temporary.path + "/new", temporary.path + "/a.uploader-status.json") == 0)
        #expect(await tell(folder).isEmpty)

        // A stream that is gone has nothing more to say, and one that comes back starts anew.
        try await folder.forget(streamARN: arn("a"))
        try temporary.write("a.uploader-status.json", #"{"Status": "USER_ERROR"}"#)
        #expect(await tell(folder).isEmpty)
        try await folder.write(configuration(arn("a", 2), "r1"))
        #expect(await tell(folder).map(\.uploaderStatus?.status) == [.userError])
    }

    @Test(
        "What is not understood is complained about once, until it was in between",
        arguments: [
            "", "{", "[]", "{}", #"{"Status": "GOOD"}"#, #"{"Status": "SUCCESS", "Status": "SUCCESS"}"#, #"{"Status": 1}"#,
            #"{"Status": "SUCCESS"}, "StreamARN": "x""#, #"{"Status": "SUCCESS", "LastCollectedTime": "now"}"#,
            #"{"Status": "SUCCESS", "JobStatusDetails": ""# + String(repeating: "x", count: 1025) + #""}"#,
            #"{"Status": "SUCCESS", "JobStatusDetails": ""# + String(repeating: "x", count: 70_000) + #""}"#,
        ])
    func malformed(_ text: String) async throws {
        let folder = try await folder()
        try temporary.write("a.recorder-status.json", text)
        try temporary.write("a.uploader-status.json", #"{"Status": "SUCCESS"}"#)
        #expect(await tell(folder).map(\.uploaderStatus?.status) == [.success])
        for _ in 0..<2 { #expect(await tell(folder).isEmpty) }
        #expect(lines.count(of: "not understood") == 1)
        try temporary.write("a.recorder-status.json", #"{"Status": "SUCCESS"}"#)
        #expect(await tell(folder).map(\.recorderStatus?.status) == [.success])
        try temporary.write("a.recorder-status.json", text)
        for _ in 0..<2 { #expect(await tell(folder).isEmpty) }
        #expect(lines.count(of: "not understood") == 2)
    }

    @Test("What is no file does not hold up the agent")
    func pipe() async throws {
        let folder = try await folder()
        #expect(mkfifo(temporary.path + "/a.recorder-status.json", 0o600) == 0)
        try FileManager.default.createDirectory(atPath: temporary.path + "/a.uploader-status.json", withIntermediateDirectories: false)
        #expect(await tell(folder).isEmpty)
        #expect(lines.count(of: "not understood") == 2)
    }

    @Test("A file that has not changed for a while is not read again")
    func settled() throws {
        var watch = StatusWatch()
        var reads = 0
        func look(_ stamp: FileStamp?) -> Int {
            reads = 0
            _ = watch.news(of: [arn("a")], thing: thing) { name in
                name == "a.recorder-status.json" ? stamp : nil
            } read: { _ in
                reads += 1
                return Array(#"{"Status": "SUCCESS"}"#.utf8)
            } complain: { _, _ in
                Issue.record("nothing is wrong")
            }
            return reads
        }
        let old = FileStamp(device: 1, inode: 1, size: 1, seconds: 1_705_489_836, nanoseconds: 1)
        #expect(look(old) == 1)
        #expect(look(old) == 0)
        #expect(look(FileStamp(device: 1, inode: 1, size: 1, seconds: 1_705_489_836, nanoseconds: 2)) == 1)
        let fresh = FileStamp(device: 1, inode: 1, size: 1, seconds: Int64(Date().timeIntervalSince1970), nanoseconds: 1)
        #expect(look(fresh) == 1)
        #expect(look(fresh) == 1)
        #expect(look(nil) == 0)
    }
}
