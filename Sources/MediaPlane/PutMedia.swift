import Contract
import FragmentStore
import Identity
import Locking
import Logging
import NIOCore
import Planes
import Store
import Synchronization

extension PutMedia: MediaOperation {
    static func check(_ input: Input) throws(OperationError) {
        guard input.producerStart != nil else {
            throw OperationError(.invalidArgument, "ProducerStartTimestamp is no time that a producer can have started at.")
        }
    }
}

extension PutMedia.Input {
    /// When the producer started, in milliseconds since the epoch; nil where no date is so late.
    fileprivate var producerStart: Int64? {
        guard let text = producerStartTimestamp else { return 0 }
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = (parts.count > 1 ? parts[1].prefix(3) : "") + "000"
        guard let seconds = Int64(parts[0]), seconds < 100_000_000_000, let milliseconds = Int64(fraction.prefix(3)) else { return nil }
        return seconds * 1000 + milliseconds
    }
}

extension MediaPlane {
    /// Takes a producer's media until its body ends, or until something is wrong with it; tells what becomes of each fragment meanwhile.
    func putMedia(_ input: PutMedia.Input, _ call: MediaCall, _ body: RequestBody, _ writer: any ResponseWriter) async throws {
        let ingest: IngestSession
        let cause = EventCause(keyID: call.caller.keyID, requestID: call.caller.requestID)
        do throws(SessionRefusal) {
            ingest = try await store.openSession(call.key, by: cause, limit: settings.producers)
        } catch {
            throw OperationError(error, call.key)
        }
        let start = clock()
        let connection = ProducerConnection(self, ingest, cause, writer)
        var end = SessionEnd.clientLeft
        // Clients send no media before they have this, and some none of what they hold back.
        if (try? await writer.start(contentType: "application/json")) != nil {
            logger.info("media session began", metadata: ["stream": "\(ingest.stream.arn)", "request": "\(call.caller.requestID)"])
            let machine = PutMediaSession(settings, input.fragmentTimecodeType, producerStart: input.producerStart ?? 0)
            end = await live.with(ingest.stream.arn) { live in await connection.run(machine, body, live) }
        }
        await ingest.close(reason: end.reason.uppercased().replacing("-", with: "_"))
        metrics.ended(end)
        logger.info(
            "media session ended",
            metadata: [
                "stream": "\(ingest.stream.arn)", "request": "\(call.caller.requestID)", "reason": "\(end.reason)",
                "fragments": "\(connection.fragments)", "seconds": "\((clock() - start) / 1000)",
            ])
        switch end {
        case .complete, .silent, .draining: return
        case .refused(let refusal):
            if let context = refusal.context { logger.error("media was not stored", metadata: ["error": "\(context)"]) }
        case .clientLeft: throw ClientLeft()
        }
    }
}

extension OperationError {
    /// Why no session begins.
    fileprivate init(_ refusal: SessionRefusal, _ key: ResourceKey) {
        switch refusal {
        case .notFound: self = .streamNotFound
        case .quota: self.init(.clientLimitExceeded, "The account stores as much media as it may: see the key media-quota-bytes.")
        case .tooManySessions:
            self.init(
                .connectionLimitExceeded,
                "The stream \(key.name) has as many producers as it may have at once: one, and one that takes over from it.")
        case .disk(let context):
            self.init(.serviceUnavailable, "Media cannot be stored at the moment. Try again.", privateContext: context)
        case .database(let error): self.init(error)
        }
    }
}

/// How a session ended.
enum SessionEnd: Error {
    /// The body did.
    case complete
    case clientLeft
    /// The producer sent nothing for as long as it may.
    case silent
    case draining
    case refused(Refusal)

    /// What a producer is told last.
    struct Refusal {
        var failure: PutMediaSession.Failure
        var fragment: Acknowledgement.Fragment?
        /// For operators.
        var context: String?
    }

    /// Every reason there is.
    static let reasons = ["complete", "client-left", "silent", "draining"] + MediaError.allCases.map(\.code)

    /// For log and metrics: no client has a say in it.
    var reason: String {
        switch self {
        case .complete: "complete"
        case .clientLeft: "client-left"
        case .silent: "silent"
        case .draining: "draining"
        case .refused(let refusal): refusal.failure.error.code
        }
    }

    /// What kept the store from taking a fragment.
    init(_ failure: IngestFailure, _ fragment: Acknowledgement.Fragment?) {
        let (error, context): (MediaError, String?) =
            switch failure {
            // A newer session of the stream has taken over: this one is not read any further.
            case .fenced: (.streamRead, nil)
            case .streamGone: (.streamNotActive, nil)
            case .quota: (.archivalError, nil)
            case .archival(let context): (.archivalError, context)
            case .internal(let context): (.internalError, context)
            }
        self = .refused(
            Refusal(failure: .init(error: error, isOfFragment: fragment != nil), fragment: fragment, context: context))
    }
}

/// One connection of PutMedia, while it is open: one task reads the body, one waits for what was read to be stored, one keeps time, and each of
/// them writes acknowledgements.
final class ProducerConnection: Sendable {
    let plane: MediaPlane
    let ingest: IngestSession
    let cause: EventCause
    private let http: any ResponseWriter
    let acknowledgements: AcknowledgementWriter
    private let state = Lock(State())

    private struct State {
        var isFragmentOpen = false
        /// Why the session is to end once no fragment is open.
        var due: SessionEnd?
        /// When something came last.
        var last = ContinuousClock.now
        var fragments = 0
        var images = ImageClock()
    }

    init(_ plane: MediaPlane, _ ingest: IngestSession, _ cause: EventCause, _ http: any ResponseWriter) {
        self.plane = plane
        self.ingest = ingest
        self.cause = cause
        self.http = http
        acknowledgements = AcknowledgementWriter(http, plane.metrics)
    }

    /// Fragments that came as a whole.
    var fragments: Int { state.withLock { $0.fragments } }

    // What the task that reads tells of how far it is.

    /// When the first image of a fragment is due, in milliseconds from its start; nil where none is.
    func firstImage(from start: Int64, length: Int64, interval: Int64) -> Int64? {
        state.withLock { $0.images.first(from: start, length: length, interval: interval) }
    }

    func somethingCame() { state.withLock { $0.last = .now } }

    func fragmentBegan() { state.withLock { $0.isFragmentOpen = true } }

    /// Returns why the session is to end now, if it is.
    func fragmentEnded() -> SessionEnd? {
        state.withLock { state in
            state.isFragmentOpen = false
            state.fragments += 1
            return state.due
        }
    }

    /// Returns why the session ended, once all that came before is stored and whoever sent it knows.
    func run(_ machine: PutMediaSession, _ body: RequestBody, _ live: LiveStream) async -> SessionEnd {
        plane.metrics.producers.add(1, ordering: .relaxed)
        defer { plane.metrics.producers.subtract(1, ordering: .relaxed) }
        let (finished, finishing) = AsyncStream.makeStream(of: Receiver.Finished.self)
        let (interruptions, interrupting) = AsyncStream.makeStream(of: SessionEnd.self)
        http.whenDraining(bodyGoesOn: true) { [self] in endSoon(.draining, interrupting) }
        async let unstored = awaitStored(finished, live, interrupting)
        var end = await withTaskGroup(of: SessionEnd?.self) { tasks in
            tasks.addTask {
                var receiver = Receiver(self, machine, live, finishing)
                return await receiver.receive(body)
            }
            tasks.addTask { await self.keepTime(interrupting) }
            tasks.addTask { await interruptions.first { _ in true } }
            var end: SessionEnd?
            while end == nil, let next = await tasks.next() { end = next }
            tasks.cancelAll()
            return end ?? .clientLeft
        }
        finishing.finish()
        if let unstored = await unstored { end = unstored }
        guard case .refused(let refusal) = end else { return end }
        let failure = refusal.failure
        do throws(ClientLeft) {
            try await acknowledgements.write(.error(failure.error, failure.isOfFragment ? refusal.fragment : nil))
            if failure.invalidatesStream { try await acknowledgements.write(.error(.invalidMKVData, nil)) }
        } catch {
            // Nobody is left to be told.
        }
        return end
    }

    /// Ends the session once no fragment is open: at once, where none is.
    private func endSoon(_ end: SessionEnd, _ interrupting: AsyncStream<SessionEnd>.Continuation) {
        let isOpen = state.withLock { state in
            state.due = end
            return state.isFragmentOpen
        }
        if !isOpen { interrupting.yield(end) }
    }

    // MARK: Time

    /// Tells a producer that sends nothing that it is waited for, and ends the session in its time.
    private func keepTime(_ interrupting: AsyncStream<SessionEnd>.Continuation) async -> SessionEnd? {
        let settings = plane.settings
        let interval = Duration.seconds(settings.idleInterval)
        var deadline = settings.longestConnection.map { ContinuousClock.now + .seconds($0) }
        var told = ContinuousClock.now
        while !Task.isCancelled {
            let due = max(state.withLock { $0.last }, told) + interval
            try? await Task.sleep(until: min(due, deadline ?? due), clock: .continuous)
            let now = ContinuousClock.now
            if let limit = deadline, now >= limit {
                deadline = nil
                endSoon(
                    .refused(.init(failure: .init(error: .maximumConnectionDuration, isOfFragment: false))), interrupting)
            }
            guard max(state.withLock { $0.last }, told) + interval <= now else { continue }
            told = now
            do throws(ClientLeft) { try await acknowledgements.write(.idle) } catch { return .clientLeft }
        }
        return nil
    }

    // MARK: Storing

    /// Tells of each fragment that it is stored. Returns what failed, after which no fragment is.
    private func awaitStored(
        _ finished: AsyncStream<Receiver.Finished>, _ live: LiveStream, _ interrupting: AsyncStream<SessionEnd>.Continuation
    ) async -> SessionEnd? {
        var failed: SessionEnd?
        for await fragment in finished {
            guard failed == nil else {
                live.abandon(fragment.storing.number)
                continue
            }
            do throws(IngestFailure) {
                let record = try await fragment.storing.stored()
                live.stored(record.number)
                plane.metrics.stored(record, .now - fragment.at)
                // What is not archived is told nobody as if it were.
                if record.isArchived { try? await acknowledgements.write(.persisted(fragment.told)) }
            } catch {
                live.abandon(fragment.storing.number)
                let end = SessionEnd(error, fragment.told)
                failed = end
                interrupting.yield(end)
            }
        }
        return failed
    }
}
