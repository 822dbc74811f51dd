import Foundation
import Testing

@testable import Matroska

/// Files of the muxers that people use, against what ffprobe and mkvinfo read in them: `Tests/Vectors/matroska/generate.py`.
@Suite struct VectorTests {
    static let names = ["ffmpeg.mkv", "ffmpeg-live.webm", "gstreamer.mkv", "mkvmerge-laced.mkv", "mkvmerge-stripped.mkv"]

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
        path: "Vectors/matroska")

    static func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: folder.appending(path: name))) }

    private func lines(_ name: String, _ ending: String) throws -> [String] {
        let file = Self.folder.appending(path: name).deletingPathExtension().appendingPathExtension(ending)
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test(arguments: names)
    func `blocks are those that mkvinfo finds`(_ name: String) throws {
        let reading = Reading(try Self.bytes(name))
        #expect(reading.violation == nil)
        let scale = try #require(reading.trackSet).info.timecodeScale
        #expect(reading.blocks.map { "\($0.track) \($0.frames) \($0.time * scale)" } == (try lines(name, "blocks")))
    }

    @Test(arguments: names)
    func `frames are those that ffprobe finds`(_ name: String) throws {
        let reading = Reading(try Self.bytes(name))
        let tracks = try #require(reading.trackSet).tracks
        let expected = try lines(name, "frames").map { $0.split(separator: " ").map(String.init) }
        var index = 0
        for fragment in reading.fragments {
            for frame in try Cluster(reading: fragment).frames {
                let track = try #require(tracks.firstIndex { $0.number == frame.track })
                var bytes = Array(fragment[frame.bytes])
                if case .strippedHeader(let header) = tracks[track].encoding { bytes = header + bytes }
                let line = try #require(index < expected.count ? expected[index] : nil)
                // GStreamer marks no sound as key; ffprobe marks all of it.
                let isKey = frame.isKey || tracks[track].kind == .audio
                #expect(
                    ["\(track)", isKey ? "K" : "-", "\(bytes.count)", adler32(bytes)] == [line[0], line[2], line[3], line[4]],
                    "\(index)")
                // ffprobe takes the codec's delay off, and gives the frames in a lacing times of their own.
                let delay = Double(tracks[track].codecDelay ?? 0) / 1e6
                if frame.lace == 0, let time = Double(line[1]) { #expect(abs(Double(frame.time) - delay - time) <= 1, "\(index)") }
                index += 1
            }
        }
        #expect(index == expected.count)
    }

    @Test func `what the muxers say of their tracks`() throws {
        func tracks(_ name: String) throws -> [Track] { try #require(Reading(try Self.bytes(name)).trackSet).tracks }
        let file = try tracks("ffmpeg.mkv")
        #expect(file.map(\.codec) == ["V_MPEG4/ISO/AVC", "A_AAC"] && file.map(\.kind) == [.video, .audio])
        #expect(file[0].video?.width == 64 && file[0].video?.height == 48 && file[0].codecPrivate?.first == 1)
        #expect(file[1].audio?.samplingFrequency == 16000 && file[1].audio?.channels == 1)
        let live = try tracks("ffmpeg-live.webm")
        #expect(live.map(\.codec) == ["V_VP8", "A_OPUS"] && live[1].codecDelay == 6_500_000 && live[1].seekPreRoll == 80_000_000)
        #expect(try tracks("mkvmerge-stripped.mkv").map(\.encoding) == [.strippedHeader([0, 0, 1])])
        #expect(try tracks("gstreamer.mkv").map(\.codec) == ["V_MS/VFW/FOURCC", "A_MS/ACM"])
    }

    private func adler32(_ bytes: [UInt8]) -> String {
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            low = (low + UInt32(byte)) % 65521
            high = (high + low) % 65521
        }
        let text = String(high << 16 | low, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }
}
