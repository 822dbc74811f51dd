import Foundation
import Matroska
import MediaFormats
import Testing

/// What ffmpeg makes, written in every form here, is to ffmpeg what it was: the same pictures and sounds at the same times.
@Suite struct PlaybackTests {
    @Test(arguments: [
        Source("B-frames", "-c:v", "libx264", "-bf", "3", "-g", "50", "-c:a", "aac", "-ac", "2"),
        Source("no B-frames", "-c:v", "libx264", "-tune", "zerolatency", "-g", "25", "-c:a", "aac"),
        Source("H.265", "-c:v", "libx265", "-x265-params", "log-level=error:keyint=50", "-c:a", "aac", "-ar", "22050"),
        Source("A-law", "-c:v", "libx264", "-g", "25", "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"),
        Source("mu-law", "-c:v", "libx264", "-g", "25", "-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"),
        Source("video only", "-an", "-c:v", "libx264", "-bf", "2", "-g", "30"),
        Source("audio only", "-vn", "-c:a", "aac"),
        Source("one frame a second", "-an", "-r", "1", "-c:v", "libx264", "-g", "1"),
    ])
    func everyFormIsTheSource(source: Source) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-formats-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("source.mkv").path
        try ffmpeg(
            ["-y", "-f", "lavfi", "-i", "testsrc2=s=322x180:r=25:d=6", "-f", "lavfi", "-i", "sine=r=48000:d=6"]
                + source.options + [file])
        let recording = try Recording(Array(Data(contentsOf: URL(fileURLWithPath: file))))
        #expect(recording.fragments.count > 1)
        let tracks = recording.tracks

        var outputs: [(name: String, hasVideo: Bool, hasAudio: Bool)] = [("clip.mp4", tracks.video != nil, tracks.audio != nil)]
        try Data(recording.clip()).write(to: folder.appendingPathComponent("clip.mp4"))
        if tracks.video != nil {
            try recording.writeSegments(of: \.video, \.video, into: folder, named: "video")
            outputs.append(("video.m3u8", true, false))
        }
        if tracks.audio != nil {
            try recording.writeSegments(of: \.audio, \.audio, into: folder, named: "audio")
            outputs.append(("audio.m3u8", false, true))
        }
        if (try? tracks.requireHLS()) != nil {
            try Data(recording.transportStream()).write(to: folder.appendingPathComponent("stream.ts"))
            outputs.append(("stream.ts", tracks.video != nil, tracks.audio != nil))
        }

        for output in outputs {
            let path = folder.appendingPathComponent(output.name).path
            if output.hasVideo {
                #expect(try hashes(of: path, ["-map", "0:v"]) == hashes(of: file, ["-map", "0:v"]), "\(output.name)")
                try expectSameTimes(path, file, "v", within: 0.0011)
            }
            if output.hasAudio {
                let copied = ["-map", "0:a", "-c", "copy"]
                let plain = output.name == "stream.ts" ? copied + ["-bsf:a", "aac_adtstoasc"] : copied
                #expect(try hashes(of: path, plain) == hashes(of: file, copied), "\(output.name)")
                try expectSameTimes(path, file, "a", within: 0.012)
            }
        }
    }

    struct Source: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let options: [String]

        init(_ name: String, _ options: String...) {
            testDescription = name
            self.options = options
        }
    }
}

/// Hashes of what is decoded or copied, in order; lines say stream, times, duration, size, hash, and what else there is.
private func hashes(of path: String, _ options: [String]) throws -> [Substring] {
    let lines = try ffmpeg(["-i", path] + options + ["-fps_mode", "passthrough", "-f", "framemd5", "-"]).split(separator: "\n")
    return lines.filter { !$0.hasPrefix("#") }.compactMap { $0.split(separator: ",").dropFirst(5).first }
}

/// Presentation times differ by one constant; decoding times grow.
private func expectSameTimes(_ path: String, _ source: String, _ stream: String, within tolerance: Double) throws {
    func times(_ file: String, _ entry: String) throws -> [Double] {
        let text = try run(
            "ffprobe",
            ["-v", "warning", "-select_streams", stream, "-show_entries", "packet=\(entry)", "-of", "default=nk=1:nw=1", file])
        return text.split(separator: "\n").compactMap { Double($0) }
    }
    let (expected, found) = try (times(source, "pts_time").sorted(), times(path, "pts_time").sorted())
    #expect(found.count == expected.count)
    let differences = zip(found, expected).map { $0 - $1 }
    let spread = (differences.max() ?? 0) - (differences.min() ?? 0)
    #expect(spread <= tolerance * 2, "\(path)")
    let decoded = try times(path, "dts_time")
    #expect(decoded.count == expected.count)
    #expect(zip(decoded, decoded.dropFirst()).filter { $0 >= $1 }.isEmpty, "\(path)")
}

/// Runs ffmpeg, which must find nothing to warn of.
@discardableResult
private func ffmpeg(_ arguments: [String]) throws -> String { try run("ffmpeg", ["-nostdin", "-v", "warning"] + arguments) }

private func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let (output, errors) = (Pipe(), FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)"))
    try Data().write(to: errors)
    defer { try? FileManager.default.removeItem(at: errors) }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let lines = try String(contentsOf: errors, encoding: .utf8).split(separator: "\n")
    let complaints = lines.filter { !$0.hasPrefix("Guessed Channel Layout") }.joined(separator: "\n")
    try #require(process.terminationStatus == 0, "\(program) \(arguments): \(complaints)")
    #expect(complaints.isEmpty, "\(program) \(arguments)")
    return String(decoding: data, as: UTF8.self)
}

/// A file of Matroska as fragments, one a cluster.
private struct Recording {
    let tracks: PlayedTracks
    private(set) var fragments: [(start: Int64, fragment: Fragment)] = []

    init(_ file: [UInt8]) throws {
        var parser = Parser(.file)
        var header: TrackSet?
        var found: [(start: Int64, frames: [Frame])] = []
        func take(_ event: Event) {
            switch event {
            case .header(let set): header = set
            case .fragmentStart(let start): found.append((Int64(start.timecode) * Int64(header?.info.timecodeScale ?? 0), []))
            case .block(let block):
                let time = Int64(block.time) * Int64(header?.info.timecodeScale ?? 0) - found[found.count - 1].start
                found[found.count - 1].frames.append(
                    Frame(track: UInt64(block.track), time: time, isKey: block.isKey, bytes: block.payload))
            case .bytes, .tags, .fragmentEnd, .end: break
            case .violation(let violation): Issue.record("\(violation)")
            }
        }
        while let event = parser.next(in: file.span) { take(event) }
        tracks = try PlayedTracks(
            (header?.tracks ?? []).map { track in
                let kind: TrackEntry.Kind =
                    switch track.kind {
                    case .video: .video
                    case .audio: .audio
                    case .other: .other
                    }
                return TrackEntry(
                    number: UInt64(track.number), kind: kind, codecID: track.codec, codecPrivate: track.codecPrivate ?? [])
            })
        fragments = found.map { ($0.start, Fragment(frames: $0.frames, bytes: file)) }
    }

    /// From the start of a fragment to that of the next.
    private func next(_ index: Int) -> Int64? {
        fragments.indices.contains(index + 1) ? fragments[index + 1].start - fragments[index].start : nil
    }

    func clip() throws -> [UInt8] {
        var clip = Clip(of: tracks)
        for element in fragments { #expect(try clip.append(element.fragment, start: element.start)) }
        return clip.beginning() + fragments.flatMap { clip.payload(of: $0.fragment) }
    }

    private func timed(_ index: Int) throws -> TimedFragment {
        let first = fragments[0].fragment.frames
        // Some files begin with frames that are shown before their cluster starts.
        let base = fragments[0].start + min(first.map(\.time).min() ?? 0, 0)
        let origin = fragments[0].start - base + (first.first { $0.track == tracks.audio?.number }?.time ?? 0)
        return try TimedFragment(
            fragments[index].fragment, of: tracks, at: fragments[index].start - base, next: next(index), audioOrigin: origin)
    }

    /// Segments one after the other.
    func transportStream() throws -> [UInt8] {
        try fragments.indices.flatMap { index in
            try TransportStream.segment(
                of: timed(index), tracks: tracks, in: fragments[index].fragment.bytes, sequence: UInt64(index))
        }
    }

    /// Fragmented MP4 of one track, with a playlist of its segments.
    func writeSegments(
        of samples: KeyPath<TimedFragment, [Sample]>, _ track: KeyPath<PlayedTracks, MediaFormats.Track?>, into folder: URL,
        named name: String
    ) throws {
        let track = try #require(tracks[keyPath: track])
        try Data(FragmentedMP4.initialization(of: track)).write(to: folder.appendingPathComponent("\(name).init.mp4"))
        var text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:10\n#EXT-X-MAP:URI=\"\(name).init.mp4\"\n"
        for (index, element) in fragments.enumerated() {
            let timed = try timed(index)
            let segment = segment(
                of: timed[keyPath: samples], in: element.fragment.bytes, sequence: UInt32(index) + 1)
            try Data(segment).write(to: folder.appendingPathComponent("\(name).\(index).m4s"))
            text += "#EXTINF:\(Double(timed.length) / 1e9),\n\(name).\(index).m4s\n"
        }
        try Data((text + "#EXT-X-ENDLIST\n").utf8).write(to: folder.appendingPathComponent("\(name).m3u8"))
    }
}
