import Contract
import Identity
import MediaFormats
import Store

extension GetHLSStreamingSessionURL: MediaOperation {}
extension GetDASHStreamingSessionURL: MediaOperation {}

extension MediaPlane {
    func sessionURL(
        _ input: GetHLSStreamingSessionURL.Input, _ call: MediaCall
    ) async throws(OperationError) -> GetHLSStreamingSessionURL.Output {
        let stream = try await stream(call.key)
        var session = try session(
            input.containerFormat == .transportStream ? .hlsTransportStream : .hlsMP4, input.playbackMode, input.hlsFragmentSelector,
            expires: input.expires, most: input.maxMediaPlaylistFragmentResults, stream)
        if let mode = input.discontinuityMode { session.discontinuity = DiscontinuityMode(mode) }
        session.showsTimes = input.displayFragmentTimestamp == .always
        let url = try await sessions.address(of: session, stream, path: "/hls/v1/getHLSMasterPlaylist.m3u8", for: call.caller)
        return GetHLSStreamingSessionURL.Output(hlsStreamingSessionURL: url)
    }

    func sessionURL(
        _ input: GetDASHStreamingSessionURL.Input, _ call: MediaCall
    ) async throws(OperationError) -> GetDASHStreamingSessionURL.Output {
        let stream = try await stream(call.key)
        var session = try session(
            .dash, input.playbackMode, input.dashFragmentSelector, expires: input.expires, most: input.maxManifestFragmentResults, stream)
        session.showsTimes = input.displayFragmentTimestamp == .always
        session.showsNumbers = input.displayFragmentNumber == .always
        let url = try await sessions.address(of: session, stream, path: "/dash/v1/getDASHManifest.mpd", for: call.caller)
        return GetDASHStreamingSessionURL.Output(dashStreamingSessionURL: url)
    }

    /// What both have in common, by the rules of both.
    private func session(
        _ form: PlaybackSession.Form, _ mode: Contract.PlaybackMode?, _ selector: PlaybackFragmentSelector?, expires: Int?, most: Int?,
        _ stream: StoredStream
    ) throws(OperationError) -> PlaybackSession {
        let mode = MediaFormats.PlaybackMode(mode ?? .live)
        let range: PlaybackRange
        do throws(PlaybackRange.Fault) {
            range = try PlaybackRange(
                mode, source: selector?.fragmentSelectorType.map { TimestampSource($0) },
                range: selector?.timestampRange.map { ($0.startTimestamp?.milliseconds, $0.endTimestamp?.milliseconds) }, now: stream.now)
        } catch {
            throw OperationError(.invalidArgument, error.message)
        }
        let start = range.start ?? 0
        return PlaybackSession(
            form: form, stream: stream.key, created: stream.now, expires: clock() + Int64(expires ?? 300) * 1000, mode: mode,
            source: range.source, range: start...max(start, range.end ?? .max),
            discontinuity: range.source == .server ? .always : .never, showsTimes: false, showsNumbers: false,
            capacity: most ?? (mode == .onDemand ? 1000 : 5))
    }
}

extension MediaFormats.PlaybackMode {
    fileprivate init(_ mode: Contract.PlaybackMode) {
        self =
            switch mode {
            case .live: .live
            case .liveReplay: .liveReplay
            case .onDemand: .onDemand
            }
    }
}

extension DiscontinuityMode {
    fileprivate init(_ mode: GetHLSStreamingSessionURL.DiscontinuityMode) {
        self =
            switch mode {
            case .always: .always
            case .never: .never
            case .onDiscontinuity: .onDiscontinuity
            }
    }
}
