import Foundation
import NIOCore
import Testing

@testable import Frames

@Suite struct FramePoolTests {
    /// A pool on a program of the shell.
    private func with(_ script: String, limit: Duration = .seconds(30), _ body: (FramePool) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "weir-frames-\(UInt64.random(in: 0 ... .max))").path
        try "#!/bin/sh\necho $$ >>\(path).started\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        defer {
            try? FileManager.default.removeItem(atPath: path)
            try? FileManager.default.removeItem(atPath: path + ".started")
        }
        let pool = FramePool(program: path, processes: 2, limit: limit)
        do { try await body(pool) } catch {
            await pool.close()
            throw error
        }
        await pool.close()
        let started = try String(contentsOfFile: path + ".started", encoding: .utf8).split(separator: "\n")
        #expect(!started.isEmpty && !started.contains { FileManager.default.fileExists(atPath: "/proc/\($0)") })
    }

    private func request(_ wanted: [Int64] = [0, 1, 2], bytes: [UInt8] = [1, 2, 3]) -> PictureRequest {
        PictureRequest(
            .h264, codecPrivate: [1], frames: wanted.map { .init(time: $0, bytes: 0..<bytes.count) }, bytes: bytes, wanted: wanted,
            format: .jpeg(quality: 80))
    }

    private func failures(_ results: [Result<ByteBuffer, PictureFailure>]?) -> [PictureFailure?]? {
        results?.map { result in
            switch result {
            case .success: nil
            case .failure(let failure): failure
            }
        }
    }

    @Test func `a request has the form that weir-frames reads`() throws {
        let head = try #require(
            PictureRequest(
                .h265, codecPrivate: [7, 8], frames: [.init(time: 5, bytes: 0..<3)], bytes: [1, 2, 3], wanted: [5], format: .png, height: 90
            ).head)
        let expected: [UInt8] =
            [0, 0, 0, 49, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 90, 0, 0, 0, 2, 7, 8]
            + [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1]
        #expect(Array(head.readableBytesView) == expected)
    }

    @Test func `without the program there are no pictures`() async {
        let pool = FramePool(program: "/nonexistent/weir-frames", processes: 1)
        #expect(!pool.isInstalled)
        #expect(await failures(pool.pictures { request() }) == [.notStarted, .notStarted, .notStarted])
        await pool.close()
    }

    @Test func `a frame that ends the process fails, and the next is asked for again`() async throws {
        try await with("exit 1") { pool in
            #expect(await failures(pool.pictures { request() }) == [.ended, .ended, .ended])
            #expect(await failures(pool.pictures { request(bytes: Array(repeating: 0, count: 1 << 20)) }) == [.ended, .ended, .ended])
        }
    }

    @Test func `what is answered before the end is taken`() async throws {
        try await with(#"printf '\000\000\000\003\000AB'; exit 0"#) { pool in
            let results = await pool.pictures { request([0, 1]) }
            #expect(results?.first.map { try? $0.get() } == ByteBuffer(string: "AB"))
            #expect(results?.count == 2)
        }
    }

    @Test func `a process that takes too long is ended`() async throws {
        try await with("exec sleep 60", limit: .milliseconds(100)) { pool in
            let found = await failures(pool.pictures { request() })
            #expect(found == [.late, .late, .late])
        }
    }

    @Test func `answers of no sense are the end of the process`() async throws {
        try await with(#"printf '\377\377\377\377ABC'; exec sleep 60"#) { pool in
            #expect(await failures(pool.pictures { request([0]) }) == [.ended])
        }
    }

    @Test func `no more requests are in memory than processes`() async {
        let pool = FramePool(program: "/nonexistent/weir-frames", processes: 2)
        let gate = Gate()
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<6 {
                tasks.addTask {
                    _ = await pool.pictures {
                        await gate.pass()
                        return request([0])
                    }
                }
            }
            let deadline = ContinuousClock.now + .seconds(30)
            while pool.waitingCount < 4, ContinuousClock.now < deadline { await Task.yield() }
            #expect(pool.waitingCount == 4)
            #expect(await gate.arrived <= 2)
            await gate.open()
        }
        #expect(await gate.arrived == 6)
        await pool.close()
    }

    private actor Gate {
        private(set) var arrived = 0
        private var isOpen = false
        private var waiting: [CheckedContinuation<Void, Never>] = []

        func pass() async {
            arrived += 1
            if !isOpen { await withCheckedContinuation { waiting.append($0) } }
        }

        func open() {
            isOpen = true
            for continuation in waiting { continuation.resume() }
            waiting = []
        }
    }

    @Test func `more calls than the pool may have are refused`() async throws {
        let pool = FramePool(program: "/nonexistent/weir-frames", processes: 1)
        let depth = await nested(pool, 0)
        #expect(depth == 8)
        // Their places are free again.
        #expect(await pool.call { true } == true)
        await pool.close()
    }

    private func nested(_ pool: FramePool, _ depth: Int) async -> Int {
        await pool.call { await nested(pool, depth + 1) } ?? depth
    }
}

/// The real program, with what no client sends and what only hostile ones do.
@Suite struct WeirFramesTests {
    private let pool = FramePool(program: FramePool.besideProgram, processes: 1)

    private func frames(_ bytes: [UInt8], _ codec: PictureRequest.Codec, codecPrivate: [UInt8]) -> PictureRequest {
        PictureRequest(
            codec, codecPrivate: codecPrivate, frames: [.init(time: 0, bytes: 0..<bytes.count)], bytes: bytes, wanted: [0], format: .png)
    }

    @Test func `the program is built beside the tests`() async {
        #expect(pool.isInstalled)
        await pool.close()
    }

    @Test func `what is no video gives no picture, and the process goes on`() async throws {
        var random = SystemRandomNumberGenerator()
        for size in [0, 1, 100, 10_000] {
            let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
            for codec in [PictureRequest.Codec.h264, .h265] {
                let results = await pool.pictures { frames(bytes, codec, codecPrivate: Array(bytes.prefix(50))) }
                #expect(results?.count == 1)
                guard case .failure(.notDecoded) = results?.first else {
                    Issue.record("\(String(describing: results)) for \(size) bytes")
                    continue
                }
            }
        }
        await pool.close()
    }
}
