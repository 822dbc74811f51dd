import Contract
import FragmentStore
import Locking
import Matroska
import MediaFormats
import NIOCore

/// Reads fragments that are stored as what players get: the frames of the tracks that are played.
///
/// Threads: any task may use it at any time.
final class PlayableFragments: Sendable {
    /// What the header of a fragment says.
    struct Header: Sendable {
        let tracks: [Matroska.Track]
        let timecodeScale: Int
        let played: PlayedTracks
        /// Equal where the tracks that are played are, with their codec private data.
        let text: String

        /// A frame as players get it, in nanoseconds from the fragment's timecode on, and what its bytes lack in front; nil where its track
        /// is not played.
        func played(_ frame: Cluster.Frame, timecode: Int) throws(UnplayableMedia) -> (frame: MediaFormats.Frame, lacking: [UInt8])? {
            let number = UInt64(frame.track)
            guard let track = played[number], let entry = tracks.first(where: { $0.number == frame.track }) else { return nil }
            // The frames of a lacing follow each other.
            let duration = entry.defaultDuration.map(Int64.init) ?? track.frameDuration ?? 0
            let (lacing, isTooLong) = Int64(frame.lace).multipliedReportingOverflow(by: duration)
            let (time, isTooLate) = Int64(frame.time - timecode).multipliedReportingOverflow(by: Int64(timecodeScale))
            let (shown, isLater) = time.addingReportingOverflow(lacing)
            guard !isTooLong, !isTooLate, !isLater else { throw .invalidMediaFrame(track: number) }
            let lacking = if case .strippedHeader(let stripped) = entry.encoding { stripped } else { [UInt8]() }
            return (MediaFormats.Frame(track: number, time: shown, isKey: frame.isKey, bytes: frame.bytes), lacking)
        }
    }

    private let store: FragmentStore
    /// Of fragments on their way to clients, in bytes.
    private let held = Lock(0)
    private let limit: Int
    /// Headers that were read last: many fragments have the same.
    private let headers = Lock<[StoredTrackSet.ID: Header]>([:])

    /// `limit` bytes of fragments are in memory at once, and one fragment at least.
    init(_ store: FragmentStore, limit: Int) {
        self.store = store
        self.limit = limit
    }

    /// Runs `body` while room is taken for `copies` times the size of a fragment: for the fragment, and for what is made of it. Throws
    /// `serviceUnavailable` where there is no room, and what `body` throws.
    func holding<Value: Sendable>(
        _ record: FragmentRecord, copies: Int = 3, _ body: () async throws -> Value
    ) async throws -> Value {
        let size = copies * Int(record.size)
        let isRoom = held.withLock { held in
            guard held == 0 || held + size <= limit else { return false }
            held += size
            return true
        }
        guard isRoom else {
            throw OperationError(.serviceUnavailable, "Too many large fragments are being read at once. Try again.")
        }
        defer { held.withLock { $0 -= size } }
        return try await body()
    }

    /// Returns the header of a fragment. Throws what the client is told.
    func header(of record: FragmentRecord) async throws(OperationError) -> Header {
        if let known = headers.withLock({ $0[record.trackSet] }) { return known }
        let header = try await readHeader(of: record)
        headers.withLock { headers in
            if headers.count >= 256 { headers = [:] }
            headers[record.trackSet] = header
        }
        return header
    }

    /// Returns the frames of a fragment, with times from its timecode on, and its tracks. Throws what the client is told.
    func read(_ record: FragmentRecord) async throws(OperationError) -> (tracks: PlayedTracks, fragment: MediaFormats.Fragment) {
        let header = try await header(of: record)
        var bytes: [UInt8] = []
        do throws(ReadFailure) {
            bytes.reserveCapacity(Int(record.size))
            var pieces = store.bytes(of: record).makeAsyncIterator()
            while let piece = try await pieces.next() { bytes += piece.readableBytesView }
        } catch {
            throw OperationError(error)
        }
        let cluster: Cluster
        do throws(Matroska.Violation) { cluster = try Cluster(reading: bytes) } catch { throw .damagedFragment }
        var fragment = MediaFormats.Fragment(frames: [], bytes: bytes)
        fragment.frames.reserveCapacity(cluster.frames.count)
        do throws(UnplayableMedia) {
            for each in cluster.frames {
                guard case (var frame, let lacking)? = try header.played(each, timecode: cluster.timecode) else { continue }
                if !lacking.isEmpty {
                    let start = fragment.bytes.count
                    fragment.bytes += lacking
                    fragment.bytes += bytes[frame.bytes]
                    frame.bytes = start..<fragment.bytes.count
                }
                fragment.frames.append(frame)
            }
        } catch {
            throw OperationError(error)
        }
        return (header.played, fragment)
    }

    /// Calls `body` with the frames of a fragment one after the other, each with the bytes that it is in. No more is in memory than a piece of
    /// the fragment and a frame. Throws what the client is told, and what `body` throws.
    func eachFrame(of record: FragmentRecord, _ body: (MediaFormats.Frame, [UInt8]) async throws -> Void) async throws {
        // A frame may be all there is of a fragment.
        try await holding(record, copies: 1) { try await goThrough(record, body) }
    }

    private func goThrough(_ record: FragmentRecord, _ body: (MediaFormats.Frame, [UInt8]) async throws -> Void) async throws {
        let header = try await header(of: record)
        var reader = ClusterReader()
        var pieces = store.bytes(of: record).makeAsyncIterator()
        do {
            while let piece = try await pieces.next() {
                for each in try reader.feed(piece.readableBytesView) {
                    guard case (var frame, let lacking)? = try header.played(each, timecode: reader.timecode ?? 0) else { continue }
                    guard !lacking.isEmpty else {
                        try await body(frame, reader.bytes)
                        continue
                    }
                    let bytes = lacking + reader.bytes[frame.bytes]
                    frame.bytes = 0..<bytes.count
                    try await body(frame, bytes)
                }
            }
            try reader.finish()
        } catch let error as ReadFailure {
            throw OperationError(error)
        } catch let error as UnplayableMedia {
            throw OperationError(error)
        } catch is Matroska.Violation {
            throw OperationError.damagedFragment
        }
    }

    private func readHeader(of record: FragmentRecord) async throws(OperationError) -> Header {
        let stored: StoredTrackSet
        do throws(ReadFailure) { stored = try await store.trackSet(of: record) } catch { throw OperationError(error) }
        let bytes = Array(stored.bytes.readableBytesView)
        let set: Matroska.TrackSet
        do throws(Matroska.Violation) { set = try Matroska.TrackSet(reading: bytes.span) } catch { throw .damagedFragment }
        do throws(UnplayableMedia) {
            let played = try PlayedTracks(set.tracks.map(TrackEntry.init))
            guard set.tracks.allSatisfy({ $0.encoding != .unsupported || played[UInt64($0.number)] == nil }) else {
                throw UnplayableMedia.unsupportedStreamMediaType
            }
            let text = set.tracks.filter { played[UInt64($0.number)] != nil }
                .map { "\($0.number) \($0.codec) \(($0.codecPrivate ?? []).map(String.init).joined(separator: "."))" }
            return Header(
                tracks: set.tracks, timecodeScale: set.info.timecodeScale, played: played, text: text.joined(separator: "|"))
        } catch {
            throw OperationError(error)
        }
    }
}

extension TrackEntry {
    init(_ track: Matroska.Track) {
        let kind: Kind =
            switch track.kind {
            case .video: .video
            case .audio: .audio
            case .other: .other
            }
        self.init(number: UInt64(track.number), kind: kind, codecID: track.codec, codecPrivate: track.codecPrivate ?? [])
    }
}

extension OperationError {
    init(_ error: UnplayableMedia) {
        let code: ErrorCode =
            switch error {
            case .missingCodecPrivateData: .missingCodecPrivateData
            case .invalidCodecPrivateData: .invalidCodecPrivateData
            case .invalidMediaFrame: .invalidMediaFrame
            case .unsupportedStreamMediaType: .unsupportedStreamMediaType
            }
        self.init(code, error.message)
    }

    /// A fragment that was whole when it was stored and cannot be read any more.
    fileprivate static var damagedFragment: OperationError {
        OperationError(ReadFailure.damaged("a stored fragment is no cluster of Matroska"))
    }
}
