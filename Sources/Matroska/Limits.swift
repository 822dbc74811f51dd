/// What a parser takes. Sizes are in bytes and do not count an element's identifier and size.
package struct Limits: Sendable {
    package var ebml = 4 << 10
    package var info = 64 << 10
    /// Three codec descriptions of a MiB and what describes the tracks besides.
    package var trackEntries = (3 << 20) + (64 << 10)
    package var tags = 64 << 10
    /// What is between the beginning of a cluster and its Timecode.
    package var clusterHead = 4 << 10
    /// An element that is passed over: Void, CRC-32, SeekHead, Cues, Chapters and whatever has an identifier that is not known.
    package var skipped = 16 << 20
    package var tracks = 3
    /// Of a cluster, those in a lacing each for itself: what reading it back costs memory for.
    package var frames = 1 << 17
    package var takesAttachments = false
    /// Whether a new EBML head may follow: what GetMedia sends is one document after the other. Each has a header of its own.
    package var takesManyDocuments = false

    package init() {}

    /// What the service takes from a producer.
    package static let service = Limits()
    /// What was taken once, under whatever limits there were.
    package static let stored: Limits = {
        var limits = Limits()
        limits.tracks = .max
        limits.frames = 1 << 24
        return limits
    }()
    /// What GetMedia and GetMediaForFragmentList send.
    package static let served: Limits = {
        var limits = stored
        limits.takesManyDocuments = true
        return limits
    }()
    /// A file that anybody made: more tracks, pictures in attachments, long tables of cues.
    package static let file: Limits = {
        var limits = Limits()
        limits.info = 1 << 20
        limits.trackEntries = 16 << 20
        limits.tags = 16 << 20
        limits.skipped = .max
        limits.tracks = 128
        limits.frames = 1 << 20
        limits.takesAttachments = true
        return limits
    }()
}
