import Contract
import FragmentStore
import Identity
import MediaFormats
import NIOCore
import Planes
import Store

// What the address of a session leads to. Developer guide, "GetHLSStreamingSessionURL": the actions of players.
extension MediaPlane {
    /// The routes of players: each asks for the token of a session, and for no signature.
    var playbackRoutes: [RoutedOperation] {
        [
            played("/hls/v1/getHLSMasterPlaylist.m3u8", "GetHLSMasterPlaylist", [.hlsMP4, .hlsTransportStream], rate: 5) { request in
                try await self.masterPlaylist(request)
            },
            played("/hls/v1/getHLSMediaPlaylist.m3u8", "GetHLSMediaPlaylist", [.hlsMP4, .hlsTransportStream], rate: 5) { request in
                try await self.mediaPlaylist(request)
            },
            played("/hls/v1/getMP4InitFragment.mp4", "GetMP4InitFragment", [.hlsMP4], rate: 20) { request in
                try await self.initialization(request)
            },
            played("/hls/v1/getMP4MediaFragment.mp4", "GetMP4MediaFragment", [.hlsMP4], rate: 20) { request in
                try await self.mediaFragment(request)
            },
            played("/hls/v1/getTSFragment.ts", "GetTSFragment", [.hlsTransportStream], rate: 20) { request in
                try await self.transportStream(request)
            },
            played("/dash/v1/getDASHManifest.mpd", "GetDASHManifest", [.dash], rate: 5) { request in
                try await self.manifest(request)
            },
            played("/dash/v1/getMP4InitFragment.mp4", "GetMP4InitFragment", [.dash], rate: 20) { request in
                try await self.initialization(request)
            },
            played("/dash/v1/getMP4MediaFragment.mp4", "GetMP4MediaFragment", [.dash], rate: 20) { request in
                try await self.mediaFragment(request)
            },
        ]
    }

    /// A request of a player.
    struct PlaybackRequest: Sendable {
        let session: PlaybackSession
        let token: String
        /// Parameters of the query; nil where they are not given, or none that a session has.
        let track: UInt64?
        let number: String?
        let sequence: Int64?
        let time: Int64?
        let writer: any ResponseWriter
    }

    private func played(
        _ path: String, _ name: String, _ forms: Set<PlaybackSession.Form>, rate: Int,
        _ answer: @escaping @Sendable (PlaybackRequest) async throws -> Void
    ) -> RoutedOperation {
        RoutedOperation(.get(path), name: name) { input throws(OperationError) in
            let token = input.query("SessionToken")
            let session = try self.sessions.session(token)
            guard forms.contains(session.form) else { throw OperationError(.accessDenied, "Streaming session token is invalid") }
            let track = input.query("TrackNumber").flatMap { UInt64($0) }
            let number = input.query("FragmentNumber")
            let sequence = input.query("SequenceNumber").flatMap { Int64($0) }
            let time = input.query("Time").flatMap { Int64($0) }
            var access = Access(.archivedMedia, name)
            access.isFree = true
            let call = RequestedCall(access) { () throws(OperationError) in
                RoutedCall(
                    resourceName: session.stream.name,
                    answer: .stream { writer in
                        try await answer(
                            PlaybackRequest(
                                session: session, token: token ?? "", track: track, number: number, sequence: sequence, time: time,
                                writer: writer))
                    })
            }
            return Bearer(
                account: session.stream.account, region: session.stream.region,
                session: "\(session.stream.name) \(session.created) \(session.first) \(session.expires)", rate: rate, call: call)
        }
    }

    // MARK: Lists

    private func masterPlaylist(_ request: PlaybackRequest) async throws {
        let listing = try await sessions.listing(of: request.session)
        guard let tracks = listing.tracks else { throw Self.nothingThere }
        try await send(playlist: request.hls.master(tracks, bandwidth: listing.bandwidth), request)
    }

    private func mediaPlaylist(_ request: PlaybackRequest) async throws {
        let session = request.session
        let listing = try await sessions.listing(of: session)
        guard let tracks = listing.tracks else { throw Self.nothingThere }
        let track = request.track ?? (tracks.video ?? tracks.audio)?.number ?? 1
        guard tracks[track] != nil else { throw OperationError(.resourceNotFound, "The session has no such track.") }
        let isOver = listing.isAtEnd && session.range.upperBound < clock() - Self.slack
        let playlist = HLS.Playlist(
            isOnDemand: session.mode == .onDemand, isEnded: session.mode == .onDemand || session.mode == .liveReplay && isOver,
            showsTimes: session.showsTimes, target: session.target)
        try await send(playlist: request.hls.media(listing.window, track: track, playlist), request)
    }

    private func manifest(_ request: PlaybackRequest) async throws {
        let session = request.session
        let listing = try await sessions.listing(of: session)
        guard let tracks = listing.tracks else { throw Self.nothingThere }
        let isOver = listing.isAtEnd && session.range.upperBound < clock() - Self.slack
        let manifest = DASH(
            token: request.token, base: session.base, created: session.created,
            isStatic: session.mode == .onDemand || session.mode == .liveReplay && isOver, showsTimes: session.showsTimes,
            showsNumbers: session.showsNumbers)
        let text = manifest.text(listing.window, tracks, bandwidth: listing.bandwidth)
        try await send(ByteBuffer(string: text), "application/dash+xml", request)
    }

    /// How late what belongs to a range may still arrive, in milliseconds.
    private static let slack: Int64 = 30_000

    private static var nothingThere: OperationError {
        OperationError(.resourceNotFound, "No fragments found in the stream for the streaming request.")
    }

    // MARK: Media

    private func initialization(_ request: PlaybackRequest) async throws {
        let record = try await sessions.fragment(from: request.sequence ?? request.session.first, of: request.session)
        let track = try request.track(of: try await playable.header(of: record).played)
        try await send(ByteBuffer(bytes: FragmentedMP4.initialization(of: track)), request.contentType(of: track), request)
    }

    private func mediaFragment(_ request: PlaybackRequest) async throws {
        try await withFragment(request) { record, tracks, fragment, timed in
            let track = try request.track(of: tracks)
            let samples = track.number == tracks.video?.number ? timed.video : timed.audio
            let beginning = FragmentedMP4.beginning(of: samples, sequence: UInt32(truncatingIfNeeded: record.number.sequence))
            var bytes = ByteBuffer()
            bytes.reserveCapacity(samples.reduce(beginning.count) { $0 + $1.bytes.count })
            bytes.writeBytes(beginning)
            for sample in samples { bytes.writeBytes(fragment.bytes[sample.bytes]) }
            try await send(bytes, request.contentType(of: track), request)
        }
    }

    private func transportStream(_ request: PlaybackRequest) async throws {
        try await withFragment(request) { record, tracks, fragment, timed in
            let bytes: [UInt8]
            do throws(UnplayableMedia) {
                bytes = try TransportStream.segment(
                    of: timed, tracks: tracks, in: fragment.bytes, sequence: UInt64(record.number.sequence))
            } catch {
                throw OperationError(error)
            }
            try await send(ByteBuffer(bytes: bytes), "video/mp2t", request)
        }
    }

    /// Reads the fragment that is asked for, by its number or its time, with its frames on the session's timeline.
    private func withFragment(
        _ request: PlaybackRequest,
        _ body: (FragmentRecord, PlayedTracks, MediaFormats.Fragment, TimedFragment) async throws -> Void
    ) async throws {
        let session = request.session
        let record: FragmentRecord
        let position: Int64
        if let time = request.time, request.number == nil {
            record = try await sessions.fragment(at: time, of: session)
            position = time
        } else {
            record = try await sessions.fragment(request.number, of: session)
            position = session.start(of: record) - session.base
        }
        try await playable.holding(record) {
            let (tracks, fragment) = try await playable.read(record)
            let (offset, isTooFar) = position.multipliedReportingOverflow(by: 1_000_000)
            let (duration, isTooLong) = session.duration(of: record).multipliedReportingOverflow(by: 1_000_000)
            let timed: TimedFragment
            do throws(UnplayableMedia) {
                timed = try TimedFragment(
                    fragment, of: tracks, at: isTooFar ? .max : offset, next: isTooLong ? nil : duration, audioOrigin: session.audioOrigin)
            } catch {
                throw OperationError(error)
            }
            try await body(record, tracks, fragment, timed)
        }
    }

    private func send(playlist text: String, _ request: PlaybackRequest) async throws {
        try await send(ByteBuffer(string: text), "application/vnd.apple.mpegurl", request)
    }

    /// What is listed changes, and what is not a list is a secret's content: neither belongs into a cache that others share.
    private func send(_ bytes: ByteBuffer, _ contentType: String, _ request: PlaybackRequest) async throws {
        try await request.writer.start(
            contentType: contentType, length: bytes.readableBytes, headers: [("Cache-Control", "private, no-store")])
        try await request.writer.write(bytes)
    }
}

extension MediaPlane.PlaybackRequest {
    fileprivate var hls: HLS { HLS(container: session.form == .hlsTransportStream ? .transportStream : .fragmentedMP4, token: token) }

    /// The track that is asked for; the first where none is.
    fileprivate func track(of tracks: PlayedTracks) throws(OperationError) -> MediaFormats.Track {
        let number = track ?? (tracks.video ?? tracks.audio)?.number ?? 0
        guard let track = tracks[number] else { throw OperationError(.resourceNotFound, "The session has no such track.") }
        return track
    }

    fileprivate func contentType(of track: MediaFormats.Track) -> String { track.size == nil ? "audio/mp4" : "video/mp4" }
}
