import CoreMetrics
import Glibc
import Locking
public import NIOCore
import NIOPosix
public import Prometheus
public import ServiceLifecycle

extension Family {
    fileprivate static let pictures = counter(
        "weir_frames_pictures_total", "Pictures that were made of frames, and those that were not, by why.", labels: ["result"])
    fileprivate static let started = counter("weir_frames_started_total", "Processes of weir-frames that were started.")
    fileprivate static let processes = gauge("weir_frames_processes", "Processes of weir-frames.")
    fileprivate static let calls = gauge("weir_frames_calls", "Calls for pictures that are under way or wait.")
}

/// Has pictures made of frames by processes of weir-frames: as many as are allowed, each started when there is work for it, given one request
/// at a time, and ended where it takes too long, has had many, or has had none for a while.
///
/// Threads: any task may use it at any time. What blocks is on threads of its own, which live as long as the pool: the system ends a
/// weir-frames with the thread that started it.
public final class FramePool: Service {
    /// The program, whether or not it is there.
    public let program: String
    private let most: Int
    private let limit: Duration
    private let threads: NIOThreadPool
    private let state = Lock(State())
    private let pictures: [String: Counter]
    private let started: Counter

    private struct State {
        /// Processes that have nothing to do.
        var idle: [FrameProcess] = []
        /// How many work, and who waits for one.
        var working = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
        var calls = 0
        var isClosed = false
    }

    /// - Parameters:
    ///   - program: The path of weir-frames.
    ///   - processes: How many of it may run.
    ///   - limit: How long one may take for a picture.
    public init(program: String, processes: Int, limit: Duration = .seconds(10), registry: Registry = Registry()) {
        self.program = program
        self.limit = limit
        most = processes
        threads = NIOThreadPool(numberOfThreads: processes)
        pictures = Dictionary(
            uniqueKeysWithValues: (["picture"] + PictureFailure.allCases.map(\.rawValue)).map {
                ($0, Counter(.pictures, [$0], in: registry))
            })
        started = Counter(.started, in: registry)
        threads.start()
        registry.read(.processes) { [weak self] in self.map { $0.state.withLock { Double($0.idle.count + $0.working) } } }
        registry.read(.calls) { [weak self] in self.map { $0.state.withLock { Double($0.calls) } } }
    }

    /// The path of weir-frames beside the program that runs.
    public static var besideProgram: String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        let own = String(decoding: path.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/weir-frames"
    }

    /// Whether the program is there to be started.
    public var isInstalled: Bool { access(program, X_OK) == 0 }

    // MARK: Calls

    /// Calls that may be under way or wait for each process: each of them holds pictures that its client has not taken yet.
    private static let callsForProcess = 8

    /// Runs a call that asks for pictures; nil where so many are under way that this one must not begin.
    public func call<Value>(_ body: () async throws -> Value) async rethrows -> Value? {
        let isTaken = state.withLock { state in
            guard state.calls < most * Self.callsForProcess else { return false }
            state.calls += 1
            return true
        }
        guard isTaken else { return nil }
        defer { state.withLock { $0.calls -= 1 } }
        return try await body()
    }

    /// Returns a picture, or why there is none, for each wanted frame of the request. `request` is asked for when a process is free, so that
    /// there are no more requests in memory than processes; where it returns nil, so does this.
    ///
    /// A frame that ends the process is the one that fails: those after it are asked for again.
    public func pictures(_ request: () async throws -> PictureRequest?) async rethrows -> [Result<ByteBuffer, PictureFailure>]? {
        await enter()
        defer { leave() }
        guard var request = try await request() else { return nil }
        var results: [Result<ByteBuffer, PictureFailure>] = []
        while !request.wanted.isEmpty {
            var part = await made(request)
            // What took too long once takes too long again: later frames need the same ones before them.
            if case .failure(.late) = part.last { part += Array(repeating: .failure(.late), count: request.wanted.count - part.count) }
            request.wanted.removeFirst(part.count)
            results += part
        }
        for result in results { count(result) }
        return results
    }

    private func count(_ result: Result<ByteBuffer, PictureFailure>) {
        switch result {
        case .success: pictures["picture"]?.increment()
        case .failure(let failure): pictures[failure.rawValue]?.increment()
        }
    }

    /// Waits until fewer work than may.
    private func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.working >= most else {
                    state.working += 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// Whoever has waited longest takes the place.
    private func leave() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            if state.waiting.isEmpty {
                state.working -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }

    /// How many requests wait for a process.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    // MARK: Processes

    /// Requests after which a process is ended, whatever it has gathered.
    private static let mostRequests = 1000
    /// How long a process may have nothing to do.
    private static let longestIdle = Duration.seconds(60)

    private func made(_ request: PictureRequest) async -> [Result<ByteBuffer, PictureFailure>] {
        let results = try? await threads.runIfActive { [self] in
            guard let process = idle() ?? start() else {
                return request.wanted.map { _ in Result<ByteBuffer, PictureFailure>.failure(.notStarted) }
            }
            let results = process.pictures(of: request, limit: limit)
            let isOfUse =
                switch results.last {
                case .failure(.ended), .failure(.late): false
                case .failure, .success, nil: true
                }
            let isKept = state.withLock { state in
                let isKept = isOfUse && process.requests < Self.mostRequests && !state.isClosed
                if isKept { state.idle.append(process) }
                return isKept
            }
            if !isKept { process.end() }
            return results
        }
        // The threads have ended with the pool.
        return results ?? request.wanted.map { _ in .failure(.notStarted) }
    }

    private func idle() -> FrameProcess? {
        while let process = state.withLock({ $0.idle.popLast() }) {
            if process.isReady { return process }
            process.end()
        }
        return nil
    }

    private func start() -> FrameProcess? {
        guard let process = FrameProcess(program) else { return nil }
        started.increment()
        return process
    }

    /// Ends processes that have nothing to do, and all of them when the server stops.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while (try? await Task.sleep(for: .seconds(10))) != nil {
                let before = ContinuousClock.now - Self.longestIdle
                let old = state.withLock { state in
                    let old = state.idle.filter { $0.used < before }
                    state.idle.removeAll { $0.used < before }
                    return old
                }
                for process in old { process.end() }
            }
        }
        await close()
    }

    /// Ends all processes, once what they work on is done.
    public func close() async {
        try? await threads.shutdownGracefully()
        let idle = state.withLock { state in
            defer { state.idle = [] }
            state.isClosed = true
            return state.idle
        }
        for process in idle { process.end() }
    }
}
