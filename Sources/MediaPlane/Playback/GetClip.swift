import Contract
import FragmentStore
import MediaFormats
import NIOCore
import Planes
import Store

extension GetClip: MediaOperation {}

extension MediaPlane {
    /// From how many bytes on what was read of a clip is written.
    private static let clipPiece = 256 << 10

    /// Sends a clip. Its fragments are read twice, a piece at a time: to know how large it is and what stands in front, and to send their
    /// frames. So no more is in memory than a piece, the frame that lies across its end, and tables of some bytes for each frame.
    func getClip(_ input: GetClip.Input, _ call: MediaCall, _ writer: any ResponseWriter) async throws {
        let records = try await clipFragments(input.clipFragmentSelector, call)
        var clip: Clip?
        for record in records {
            let tracks = try await playable.header(of: record).played
            var next = clip ?? Clip(of: tracks)
            guard next.tracks == tracks else {
                let isOtherData = tracks.isOfSameKind(as: next.tracks)
                let number = (tracks.video == next.tracks.video ? tracks.audio : tracks.video)?.number ?? 0
                throw OperationError(isOtherData ? UnplayableMedia.invalidCodecPrivateData(track: number) : .unsupportedStreamMediaType)
            }
            var frames: [Frame] = []
            try await playable.eachFrame(of: record) { frame, bytes in
                if let track = tracks[frame.track] { frames.append(try frame.checked(as: track, in: bytes)) }
            }
            let (start, isTooFar) = (record.producerTime - records[0].producerTime).multipliedReportingOverflow(by: 1_000_000)
            let isTaken: Bool
            do throws(UnplayableMedia) {
                isTaken = try next.append(frames, start: isTooFar ? .max : start)
            } catch {
                throw OperationError(error)
            }
            guard isTaken else { break }
            clip = next
        }
        guard let clip else { throw OperationError(UnplayableMedia.unsupportedStreamMediaType) }
        let beginning = clip.beginning()
        try await writer.start(contentType: "video/mp4", length: beginning.count + clip.payloadSize)
        try await writer.write(ByteBuffer(bytes: beginning))
        var piece = ByteBuffer()
        for record in records.prefix(clip.fragments) {
            try await playable.eachFrame(of: record) { frame, bytes in
                piece.writeBytes(bytes[frame.bytes])
                if piece.readableBytes >= Self.clipPiece { try await send(&piece, to: writer) }
            }
            metrics.sentFragment(by: .getClip)
        }
        try await send(&piece, to: writer)
    }

    private func send(_ piece: inout ByteBuffer, to writer: any ResponseWriter) async throws {
        metrics.sent(piece.readableBytes, by: .getClip)
        try await writer.write(piece)
        piece = ByteBuffer()
        piece.reserveCapacity(Self.clipPiece)
    }

    /// The fragments that a clip begins with, at least one, in the order of a session ON_DEMAND: that of arrival, or of producer times.
    private func clipFragments(_ selector: ClipFragmentSelector, _ call: MediaCall) async throws(OperationError) -> [FragmentRecord] {
        let stream = try await stream(call.key)
        let range: PlaybackRange
        do throws(PlaybackRange.Fault) {
            range = try PlaybackRange(
                .onDemand, source: TimestampSource(selector.fragmentSelectorType),
                range: (selector.timestampRange.startTimestamp.milliseconds, selector.timestampRange.endTimestamp.milliseconds),
                now: stream.now)
        } catch {
            throw OperationError(.invalidArgument, error.message)
        }
        guard stream.retentionHours > 0 else {
            throw OperationError(
                .noDataRetention, "The stream \(call.key.name) has a retention of 0 hours, and a clip needs media that is kept.")
        }
        let times = (range.start ?? 0)...(range.end ?? 0)
        let selection = range.source.selection(of: times)
        var window = PlaylistWindow(capacity: Clip.mostFragments, keeping: .oldest, mode: .never)
        var byNumber: [String: FragmentRecord] = [:]
        var position: FragmentPosition?
        repeat {
            let page: FragmentPage
            do throws(ReadFailure) {
                // Some of them may be doubles.
                page = try await store.fragments(of: stream, selection, after: position, limit: 2 * Clip.mostFragments)
            } catch {
                throw OperationError(error)
            }
            for record in page.fragments {
                let listed = ListedFragment(record, by: range.source, duration: record.length, trackSet: record.trackSet.text)
                byNumber[listed.number] = record
                window.append(listed)
            }
            position = page.next
        } while position != nil && !window.isOver
        let records = window.entries.compactMap { byNumber[$0.fragment.number] }
        guard !records.isEmpty else {
            throw OperationError(.resourceNotFound, "No fragments found in the stream for the clip request.")
        }
        return records
    }
}
