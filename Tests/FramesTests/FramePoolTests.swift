import Foundation
import NIOCore
import Testing

@testable import Frames

@Suite struct FramePoolTests {
    /// A pool on another program, which reads the same input.
    private func with(_ program: String, limit: Duration = .seconds(30), _ body: (FramePool) async -> Void) async {
        let pool = FramePool(program: program, processes: 2, limit: limit)
        await body(pool)
        await pool.close()
        #expect(children(program).isEmpty)
    }

    /// The processes that this one has of a program.
    private func children(_ program: String) -> [String] {
        let files = FileManager.default
        let tasks = (try? files.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return tasks.flatMap { task in
            let found = String(decoding: files.contents(atPath: "/proc/self/task/\(task)/children") ?? Data(), as: UTF8.self)
            return found.split(separator: " ").map { id in
                String(decoding: files.contents(atPath: "/proc/\(id)/cmdline") ?? Data(), as: UTF8.self)
            }
        }.filter { $0.hasPrefix(program) }
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

    @Test func `a frame that ends the process fails, and the next is asked for again`() async {
        await with("/bin/false") { pool in
            #expect(await failures(pool.pictures { request() }) == [.ended, .ended, .ended])
            #expect(await failures(pool.pictures { request(bytes: Array(repeating: 0, count: 1 << 20)) }) == [.ended, .ended, .ended])
        }
    }

    /// What comes back is the request: its length, and for a status the number of its codec.
    @Test func `an answer is taken before one that does not come`() async {
        await with("/bin/cat", limit: .milliseconds(200)) { pool in
            #expect(await failures(pool.pictures { request() }) == [.notDecoded, .late, .late])
        }
    }

    /// It says nothing before its input ends.
    @Test func `a process that takes too long is ended`() async {
        await with("/usr/bin/wc", limit: .milliseconds(100)) { pool in
            #expect(await failures(pool.pictures { request() }) == [.late, .late, .late])
        }
    }

    @Test func `answers of no sense are the end of the process`() async {
        await with("/usr/bin/yes") { pool in
            #expect(await failures(pool.pictures { request([0]) }) == [.ended])
        }
    }

    @Test func `a process that has ended meanwhile is given no work`() async throws {
        let process = try #require(FrameProcess("/usr/bin/wc"))
        #expect(process.isReady)
        kill(process.id, SIGKILL)
        let deadline = ContinuousClock.now + .seconds(30)
        while process.isReady, ContinuousClock.now < deadline { await Task.yield() }
        #expect(!process.isReady)
        process.end()
        #expect(kill(process.id, 0) == -1)
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
