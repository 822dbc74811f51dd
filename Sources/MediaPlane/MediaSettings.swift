/// What operators decide about media. Times are in seconds unless said otherwise; a limit that is nil is none.
public struct MediaSettings: Sendable {
    /// How long a connection of PutMedia may be open.
    public var longestConnection: Int64?
    /// From a fragment's beginning to its last frame.
    public var longestFragment: Int64?
    /// Bytes of a fragment, with its tags.
    public var largestFragment = 50 << 20
    /// Fragments that a connection may begin in a second, and bytes that it may send: it is read no faster.
    public var fragmentRate: Int?
    public var byteRate: Int?
    /// Whether no frame of a fragment may be as early as the last of the fragment before, over all tracks. Else it is the timecodes of
    /// clusters that have to rise.
    public var forbidsOverlap: Bool
    /// Connections of PutMedia that a stream may have at once, and of GetMedia.
    public var producers: Int?
    public var readers: Int?
    /// How long GetMedia waits for something to send before it ends; nil: for ever.
    public var readerIdle: Int64? = 3
    /// How long a producer may send nothing, and how often it is told IDLE meanwhile.
    public var producerIdle: Int64 = 30
    public var idleInterval: Int64 = 5
    /// Bytes of fragments on their way that are kept for readers: of a stream, and of all.
    public var liveBytesOfStream = 8 << 20
    public var liveBytes = 256 << 20
    /// Bytes of memory for fragments that are made into what players and clips take, of all at once.
    public var playbackBytes = 256 << 20

    /// What the service documents, or as little of it as protects the deployment.
    ///
    /// Developer guide, "Media and archived-media API service quotas"; reference, PutMedia and GetMedia.
    public init(documented: Bool) {
        longestConnection = documented ? 45 * 60 : nil
        longestFragment = documented ? 20 : nil
        fragmentRate = documented ? 5 : nil
        byteRate = documented ? 12_500_000 : nil
        forbidsOverlap = documented
        // The newest producer is the stream's: a second connection takes over from the first, which may finish its fragment.
        producers = documented ? 2 : nil
        readers = documented ? 3 : nil
    }
}
