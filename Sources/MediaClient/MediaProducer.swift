package import Client
package import FoundationEssentials
import Locking
import Matroska
import NIOCore

/// Sends a Matroska file or stream to a stream of a deployment, and ends when all of it is stored.
package final class MediaProducer: Sendable {
    package struct Settings: Sendable {
        /// The name of the stream.
        package var stream: String
        /// Whether the source is being recorded while it is read: its first frame is of now. Else its zero is.
        package var isLive: Bool
        /// What the source's zero, or first frame, is set to instead of now.
        package var start: Date?
        /// Sends a file no faster than it plays.
        package var isRealtime: Bool
        /// Seconds of trouble without progress after which it gives up; nil for never.
        package var givingUpAfter: Double?

        package init(stream: String, isLive: Bool, start: Date? = nil, isRealtime: Bool = false, givingUpAfter: Double? = 300) {
            self.stream = stream
            self.isLive = isLive
            self.start = start
            self.isRealtime = isRealtime
            self.givingUpAfter = givingUpAfter
        }
    }

    /// How far it has come.
    package struct Progress: Sendable {
        /// Whether the stream keeps what it is sent; else what counts as stored was received, and is gone after a while.
        package let isKept: Bool
        package let fragments: Int
        package let bytes: Int
        /// Seconds of media that were recorded, or read from the file, and are not stored.
        package let secondsBehind: Double
        /// Since the beginning.
        package let seconds: Int
    }

    /// What is told while it runs.
    package enum Report: Sendable {
        /// Each second.
        case progress(Progress)
        case notice(String)
    }

    /// Why not all was stored. The text is for operators.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    private enum Event: Sendable {
        case upload(Upload.Input)
        case notice(String)
        case sourceFault(String)
        case tick
    }

    private let settings: Settings
    private let client: ClientSettings
    private let source: SourceFile
    private let events: AsyncStream<Event>
    private let tell: AsyncStream<Event>.Continuation

    /// - Parameter descriptor: Of the source; it stays open.
    package init(_ settings: Settings, _ client: ClientSettings, reading descriptor: Int32) {
        self.settings = settings
        self.client = client
        source = SourceFile(descriptor)
        (events, tell) = AsyncStream.makeStream()
    }

    /// Ends the source within two seconds, wherever it is; what was read is still stored, unless nothing is for half a minute, or for the time after which it gives up
    /// where that is shorter.
    package func stop() {
        source.stop()
        tell.yield(.upload(.stopped))
    }

    /// Runs until all is stored, and returns how much that was. To be called once.
    ///
    /// - Throws: `Failure` where it is not, or not all; what was stored stays.
    package func run(_ report: @Sendable @escaping (Report) -> Void) async throws -> Progress {
        try await HTTPClientExchange.open(caFile: client.caFile, silence: nil) { exchange in
            let calls = ServiceCalls(settings.stream, client, exchange)
            let (permits, permit) = AsyncStream.makeStream(of: Void.self)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.readSource(permits) }
                group.addTask {
                    while true {
                        try await Task.sleep(for: .seconds(1))
                        self.tell.yield(.tick)
                    }
                }
                defer { group.cancelAll() }
                return try await self.upload(permit, calls, &group, report)
            }
        }
    }

    // MARK: Sending

    private func upload(
        _ permit: AsyncStream<Void>.Continuation, _ calls: ServiceCalls, _ group: inout ThrowingTaskGroup<Void, any Error>,
        _ report: (Report) -> Void
    ) async throws -> Progress {
        var rules = Upload.Rules()
        rules.givingUpAfter = settings.givingUpAfter
        rules.stopsAfter = min(rules.stopsAfter, settings.givingUpAfter ?? rules.stopsAfter)
        var upload = Upload(rules)
        var body: AsyncStream<ByteBuffer>.Continuation?
        let began = ContinuousClock.now
        var actions = upload.start()
        var incoming = events.makeAsyncIterator()
        var sourceFault: String?
        while true {
            for action in actions {
                switch action {
                case .takeMore: permit.yield()
                case .open:
                    let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
                    body = continuation
                    group.addTask { [tell] in
                        tell.yield(.upload(.closed(await Self.session(calls, stream, tell))))
                        continuation.finish()
                    }
                case .send(let bytes): body?.yield(ByteBuffer(bytes: bytes))
                case .endBody: body?.finish()
                case .reconcile(let span): group.addTask { [tell] in tell.yield(.upload(.reconciled(try? await calls.stored(span)))) }
                case .wait(let seconds):
                    group.addTask { [tell] in
                        try await Task.sleep(for: .seconds(seconds))
                        tell.yield(.upload(.waited))
                    }
                case .tell(let text): report(.notice(text))
                case .finish(let failure):
                    if let text = failure ?? sourceFault { throw Failure(description: text) }
                    return progress(upload, began)
                }
            }
            actions = []
            let event = await incoming.next()
            let now = (ContinuousClock.now - began) / .seconds(1)
            switch event {
            case .upload(let input): actions = upload.take(input, at: now)
            case .notice(let text): report(.notice(text))
            case .sourceFault(let text): sourceFault = text
            case .tick:
                report(.progress(progress(upload, began)))
                actions = upload.take(.ticked, at: now)
            case nil: throw CancellationError()
            }
        }
    }

    private func progress(_ upload: Upload, _ began: ContinuousClock.Instant) -> Progress {
        let isFollowing = settings.isLive || settings.isRealtime
        let newest = isFollowing && settings.start == nil ? Int(Date().timeIntervalSince1970 * 1000) : upload.takenUpTo
        let behind = newest.map { newest in upload.storedUpTo.map { max(0, newest - $0) } ?? 0 } ?? 0
        return Progress(
            isKept: upload.isKept, fragments: upload.stored, bytes: upload.storedBytes, secondsBehind: Double(behind) / 1000,
            seconds: Int((ContinuousClock.now - began).components.seconds))
    }

    private static func session(
        _ calls: ServiceCalls, _ body: AsyncStream<ByteBuffer>, _ tell: AsyncStream<Event>.Continuation
    ) async -> Upload.Ending {
        do throws(CallFailure) {
            let isKept = try await calls.isKept()
            try await calls.putMedia(body, began: { tell.yield(.upload(.opened(isKept: isKept))) }) {
                tell.yield(.upload(.acknowledged($0)))
            }
            return .complete
        } catch {
            switch error {
            case .unavailable(let text): return .broken(text)
            case .denied(let text), .outdated(let text), .rejected(let text): return .refused(text)
            }
        }
    }

    // MARK: The source

    /// Reads a fragment for each permit. Whatever ends the source, what was read of it is sent.
    private func readSource(_ permits: AsyncStream<Void>) async throws {
        var reader = FragmentSource(settings)
        var ready: [Fragment] = []
        var hasEnded = false
        var firstTime: Int?
        let began = ContinuousClock.now
        for await _ in permits {
            while ready.isEmpty, !hasEnded {
                do throws(SourceFault) {
                    let bytes = try await source.next()
                    hasEnded = bytes.isEmpty
                    ready += hasEnded ? try reader.finish() : try reader.read(bytes)
                } catch {
                    if !source.isStopped { tell.yield(.sourceFault(error.description)) }
                    hasEnded = true
                    ready += reader.rest()
                }
            }
            guard !ready.isEmpty else {
                for notice in reader.notices { tell.yield(.notice(notice)) }
                tell.yield(.upload(.sourceEnded))
                return
            }
            let fragment = ready.removeFirst()
            if settings.isRealtime, !settings.isLive {
                let first = firstTime ?? fragment.timecode
                firstTime = first
                try await Task.sleep(until: began + .milliseconds(fragment.lastTime - first))
            }
            tell.yield(.upload(.fragment(fragment)))
        }
    }
}
