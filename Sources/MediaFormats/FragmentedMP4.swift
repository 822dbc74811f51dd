/// Fragmented MP4 as HLS and DASH take it (ISO/IEC 14496-12, 23000-19): one track a segment, whose times are those of the timeline.
public enum FragmentedMP4 {
    /// `ftyp` and `moov`: what a player needs before the first segment of the track, and again where codec private data changes.
    public static func initialization(of track: Track) -> [UInt8] {
        var boxes = Boxes()
        boxes.fileType(["iso6", "cmfc", "mp41"])
        boxes.box("moov") { moov in
            moov.movieHeader(timescale: track.timescale, duration: 0, nextTrack: trackID + 1)
            moov.track(track, id: trackID, movieDuration: 0, duration: 0, edits: { _ in }) { tables in
                for table in ["stts", "stsc", "stco"] { tables.full(table) { $0.u32(0) } }
                tables.full("stsz") { $0.zeros(8) }
            }
            moov.box("mvex") {
                $0.full("trex") {
                    $0.u32(trackID)
                    $0.u32(1)
                    $0.zeros(12)
                }
            }
        }
        return boxes.bytes
    }

    /// `moof`, and the head of an `mdat` whose content is the samples' bytes, one after the other.
    ///
    /// - Parameters:
    ///   - samples: Of one track; what a ``TimedFragment`` gives.
    ///   - sequence: Grows from segment to segment.
    public static func beginning(of samples: [Sample], sequence: UInt32) -> [UInt8] {
        let size = samples.reduce(0) { $0 + $1.bytes.count }
        // Nothing may be decoded before the timeline starts; what would be, as frames that are shown before the first key frame, is moved.
        let start = max(samples.first?.decodeTime ?? 0, 0)
        var boxes = Boxes()
        boxes.reserve(128 + 16 * samples.count)
        var offset = 0
        boxes.box("moof") { moof in
            moof.full("mfhd") { $0.u32(sequence) }
            moof.box("traf") { traf in
                traf.full("tfhd", flags: 0x2_0000) { $0.u32(trackID) }
                traf.full("tfdt", version: 1) { $0.u64(UInt64(start)) }
                traf.full("trun", version: 1, flags: 0xF01) { trun in
                    trun.u32(UInt32(samples.count))
                    offset = trun.bytes.count
                    trun.u32(0)
                    for sample in samples {
                        trun.u32(sample.duration)
                        trun.u32(UInt32(sample.bytes.count))
                        trun.u32(sample.isSync ? 0x200_0000 : 0x101_0000)
                        trun.i32(sample.offset)
                    }
                }
            }
        }
        boxes.put(UInt32(boxes.bytes.count + 8), at: offset)
        boxes.u32(UInt32(size + 8))
        boxes.code("mdat")
        return boxes.bytes
    }

    private static let trackID: UInt32 = 1
}
