import Foundation
import Testing

@testable import Delivery

@Suite struct FileSinkTests {
    private static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-sink-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private static func text(_ url: URL) throws -> String { String(decoding: try Data(contentsOf: url), as: UTF8.self) }

    @Test func `lines are appended, to a new file after the old was moved away`() async throws {
        try await Self.withFolder { folder in
            let file = folder.appending(path: "events.jsonl")
            try Data("before\n".utf8).write(to: file)
            let sink = FileSink(path: file.path)
            try await sink.append(Array("one".utf8), within: .seconds(60))
            try await sink.append(Array("two".utf8), within: .seconds(60))
            try FileManager.default.moveItem(at: file, to: folder.appending(path: "events.jsonl.1"))
            try await sink.append(Array("three".utf8), within: .seconds(60))
            try FileManager.default.removeItem(at: file)
            try await sink.append(Array("four".utf8), within: .seconds(60))
            #expect(try Self.text(folder.appending(path: "events.jsonl.1")) == "before\none\ntwo\n")
            #expect(try Self.text(file) == "four\n")
        }
    }

    @Test func `lines of many tasks and two sinks do not run into each other`() async throws {
        try await Self.withFolder { folder in
            let file = folder.appending(path: "events.jsonl")
            let sinks = [FileSink(path: file.path), FileSink(path: file.path)]
            try await withThrowingTaskGroup { group in
                for number in 0..<60 {
                    let line = Array(repeating: UInt8(ascii: "a") + UInt8(number % 26), count: 3000)
                    group.addTask { try await sinks[number % 2].append(line, within: .seconds(60)) }
                }
                try await group.waitForAll()
            }
            let lines = try Self.text(file).split(separator: "\n")
            #expect(lines.count == 60)
            #expect(lines.allSatisfy { $0.count == 3000 && Set($0).count == 1 })
        }
    }

    @Test func `what cannot be written is a failure, until it can`() async throws {
        try await Self.withFolder { folder in
            let file = folder.appending(path: "missing/events.jsonl")
            let sink = FileSink(path: file.path)
            await #expect(throws: DeliveryFault.self) { try await sink.append(Array("one".utf8), within: .seconds(60)) }
            try FileManager.default.createDirectory(at: folder.appending(path: "missing"), withIntermediateDirectories: true)
            try await sink.append(Array("two".utf8), within: .seconds(60))
            #expect(try Self.text(file) == "two\n")
        }
    }

    @Test func `a full device and a pipe that nobody reads are failures`() async throws {
        await #expect(throws: DeliveryFault.self) { try await FileSink(path: "/dev/full").append([0x61], within: .seconds(60)) }
        try await Self.withFolder { folder in
            let pipe = folder.appending(path: "pipe").path
            #expect(mkfifo(pipe, 0o600) == 0)
            let sink = FileSink(path: pipe)
            await #expect(throws: DeliveryFault.self) { try await sink.append([0x61], within: .seconds(60)) }
            let reader = open(pipe, O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            try await sink.append(Array("seen".utf8), within: .seconds(60))
            var bytes = [UInt8](repeating: 0, count: 16)
            #expect(read(reader, &bytes, 16) == 5)
            // More than the pipe holds: it fails, and what is read goes on with a whole line.
            let line = Array(repeating: UInt8(ascii: "x"), count: 4095)
            var failed = false
            for _ in 0..<40 where !failed {
                do { try await sink.append(line, within: .seconds(60)) } catch { failed = true }
            }
            #expect(failed)
        }
    }
}
