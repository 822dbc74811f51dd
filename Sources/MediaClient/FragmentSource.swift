import FoundationEssentials
import Matroska

/// From the bytes of a source to the fragments that are sent.
struct FragmentSource {
    private let settings: MediaProducer.Settings
    private var reader = FrameReader()
    private var cutter: FragmentCutter?
    private var writer: FragmentWriter?

    init(_ settings: MediaProducer.Settings) { self.settings = settings }

    /// Returns the fragments that these bytes complete.
    mutating func read(_ bytes: [UInt8]) throws(SourceFault) -> [Fragment] {
        var frames: [SourceFrame] = []
        var fault: SourceFault?
        do throws(SourceFault) {
            try reader.read(bytes) { frames.append($0) }
        } catch {
            fault = error
        }
        var fragments: [Fragment] = []
        for frame in frames { fragments += try take(frame) }
        guard let fault else { return fragments }
        pending = fragments
        throw fault
    }

    /// Fragments that were complete when the source turned out to be faulty.
    private var pending: [Fragment] = []

    /// Returns what is left.
    mutating func finish() throws(SourceFault) -> [Fragment] {
        try reader.finish()
        guard reader.trackSet != nil else { throw SourceFault(description: "the source is empty") }
        return rest()
    }

    mutating func rest() -> [Fragment] {
        var fragments = pending
        pending = []
        for cut in cutter?.finish() ?? [] { if let fragment = writer?.write(cut) { fragments.append(fragment) } }
        return fragments
    }

    private mutating func take(_ frame: SourceFrame) throws(SourceFault) -> [Fragment] {
        if writer == nil, let trackSet = reader.trackSet {
            let start = Int((settings.start ?? Date()).timeIntervalSince1970 * 1000)
            let made = try FragmentWriter(trackSet, startingAt: settings.isLive ? start - frame.time : start)
            var rules = FragmentCutter.Rules()
            if settings.isLive { rules.patience = 2000 }
            cutter = FragmentCutter(made.tracks.compactMap(trackSet.track), rules)
            writer = made
        }
        guard writer?.tracks.contains(frame.track) == true else { return [] }
        return (cutter?.add(frame) ?? []).compactMap { writer?.write($0) }
    }

    /// What is to be said of the source once it has ended.
    var notices: [String] {
        guard let cutter else { return [] }
        var notices: [String] = []
        if let trackSet = reader.trackSet, let writer, writer.tracks.count < trackSet.tracks.count {
            notices.append(
                "\(trackSet.tracks.count - writer.tracks.count) of \(trackSet.tracks.count) tracks were left out: the service takes pictures and sound"
            )
        }
        if cutter.undecodable > 0 { notices.append("\(cutter.undecodable) frames before the first key frame were left out") }
        if cutter.late > 0 { notices.append("\(cutter.late) frames came too late for their fragment and were left out") }
        if cutter.withoutKey > 0 { notices.append("\(cutter.withoutKey) fragments begin without a key frame: the source has too few") }
        return notices
    }
}
