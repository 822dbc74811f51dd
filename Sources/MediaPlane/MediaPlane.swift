public import Contract
import CoreMetrics
public import FragmentStore
public import Frames
public import Identity
public import Links
public import Logging
import NIOCore
public import Planes
public import Prometheus
public import Store

/// Media over HTTP: takes it from producers, sends it to readers as it comes, and answers for what is kept.
///
/// Threads: any task may use it at any time; each session and each reader is one task.
public final class MediaPlane: Sendable {
    let store: FragmentStore
    let settings: MediaSettings
    let pageTokens: PageTokens
    let live: LiveStreams
    /// What other instances receive; nil where there are none.
    let liveLinks: LiveLinks?
    let playable: PlayableFragments
    let sessions: PlaybackSessions
    /// Makes pictures; nil where nothing does.
    let frames: FramePool?
    let metrics: MediaMetrics
    let logger: Logger
    let clock: @Sendable () -> Int64
    /// Why this instance has nothing to do with media, for everybody; nil where it has.
    private let obstacle: @Sendable () -> String?

    /// A plane on a store that is open. `archiveAddress` says where a caller is to ask for archived media of a stream; over `links` come streams that other
    /// instances receive.
    public init(
        store: FragmentStore, settings: MediaSettings, masterKey: MasterKey, frames: FramePool? = nil, links: Links? = nil,
        registry: Registry = Registry(), obstacle: @escaping @Sendable () -> String? = { nil },
        archiveAddress: @escaping @Sendable (ResourceKey, Caller) async throws(OperationError) -> String,
        clock: @escaping @Sendable () -> Int64 = systemTime, logger: Logger
    ) {
        self.store = store
        self.settings = settings
        pageTokens = PageTokens(masterKey)
        let live = LiveStreams(settings)
        self.live = live
        liveLinks = links.map { links in
            LiveLinks(links, live, receiver: { arn in try await store.receivingInstance(of: arn) }, logger)
        }
        playable = PlayableFragments(store, limit: settings.playbackBytes)
        sessions = PlaybackSessions(store, playable, SealedTokens(masterKey, for: "playback sessions"), archiveAddress, clock)
        self.frames = frames
        metrics = MediaMetrics(registry)
        self.logger = logger
        self.clock = clock
        self.obstacle = obstacle
        metrics.show(live, liveLinks, in: registry)
    }

    /// The operations on media, and on media that is kept.
    public var operations: [RoutedOperation] {
        [
            routed(.putMedia, PutMedia.self, .stream(silence: .seconds(settings.producerIdle), continues: false)) { input, call in
                .exchange { body, writer in try await self.putMedia(input, call, body, writer) }
            },
            routed(.getMedia, GetMedia.self) { input, call in
                .stream { writer in try await self.getMedia(input, call, writer) }
            },
            routed(.listFragments, ListFragments.self) { input, call in
                .bytes { () async throws(OperationError) in ListFragments.encode(try await self.listFragments(input, call)) }
            },
            routed(.getMediaForFragmentList, GetMediaForFragmentList.self) { input, call in
                .stream { writer in try await self.getMediaForFragmentList(input, call, writer) }
            },
            routed(.getClip, GetClip.self) { input, call in
                .stream { writer in try await self.getClip(input, call, writer) }
            },
            routed(.getHLSStreamingSessionURL, GetHLSStreamingSessionURL.self) { input, call in
                .bytes { () async throws(OperationError) in GetHLSStreamingSessionURL.encode(try await self.sessionURL(input, call)) }
            },
            routed(.getDASHStreamingSessionURL, GetDASHStreamingSessionURL.self) { input, call in
                .bytes { () async throws(OperationError) in GetDASHStreamingSessionURL.encode(try await self.sessionURL(input, call)) }
            },
            routed(.getImages, GetImages.self) { input, call in
                .stream { writer in try await self.getImages(input, call, writer) }
            },
        ] + playbackRoutes
    }

    private func routed<Operation: MediaOperation>(
        _ id: OperationID, _ operation: Operation.Type, _ payload: RoutedOperation.Payload = .document,
        _ answer: @escaping @Sendable (Operation.Input, MediaCall) -> RoutedCall.Answer
    ) -> RoutedOperation {
        // A stream cannot be told from its repetition, and reading changes nothing: no call is kept to be answered again.
        RoutedOperation(Operation.contract.route, name: id.rawValue, id: id, payload: payload, isMutation: false) {
            input, caller throws(OperationError) in
            let decoded = try Operation.decode(input.body, input)
            var access = Access(Operation.contract.api, Operation.contract.name)
            let named = Result { () throws(OperationError) in try Operation.stream(of: decoded, &access, caller) }
            return RequestedCall(access) { () throws(OperationError) in
                let key = try named.get()
                if let obstacle = self.obstacle() {
                    throw OperationError(.serviceUnavailable, "This instance takes and gives no media: \(obstacle).")
                }
                try Operation.check(decoded)
                return RoutedCall(
                    resourceName: key.name, answer: answer(decoded, MediaCall(key: key, caller: caller, operation: Operation.contract.name))
                )
            }
        }
    }

    /// The stream of a call, as it is now.
    func stream(_ key: ResourceKey) async throws(OperationError) -> StoredStream {
        let found: StoredStream?
        do throws(ReadFailure) { found = try await store.stream(key) } catch { throw OperationError(error) }
        guard let found else { throw .streamNotFound }
        return found
    }
}

/// A call about a stream.
struct MediaCall: Sendable {
    let key: ResourceKey
    let caller: Caller
    let operation: String
}

/// An operation on the media of the stream that its input names.
protocol MediaOperation: Operation where Input: NamesStream {
    /// Refuses what the input alone shows to be wrong, once its caller may make the call.
    static func check(_ input: Input) throws(OperationError)
}

extension MediaOperation {
    static func check(_ input: Input) throws(OperationError) {}

    /// The stream, by its name or its ARN, and not by both. Reference, PutMedia.
    fileprivate static func stream(of input: Input, _ access: inout Access, _ caller: Caller) throws(OperationError) -> ResourceKey {
        guard input.streamName == nil || input.streamARN == nil else {
            throw OperationError(.invalidArgument, "StreamName and StreamARN are both given: name the stream by one of them.")
        }
        return try access.resource(
            .stream, name: input.streamName, arn: input.streamARN, for: caller, wrongARN: contract.wrongARN)
    }
}

extension OperationError {
    /// What could not be read, before an answer has begun.
    init(_ failure: ReadFailure) {
        switch failure {
        case .streamGone: self = .streamNotFound
        case .fragmentGone: self.init(.resourceNotFound, "The fragment is not kept any more.")
        case .damaged(let context): self = .internalFailure(context)
        case .disk(let context): self = .unavailable(context)
        case .database(let error): self.init(error)
        }
    }
}
