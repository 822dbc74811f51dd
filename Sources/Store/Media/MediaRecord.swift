/// A stream whose media is kept, as a writer or a reader needs to know it. Of a stream that was deleted and made anew each has its own.
public struct StoredStream: Sendable, Hashable {
    /// Names the incarnation in the index and in packs; nil where nothing was ever sent to it.
    public let id: Int64?
    /// With the creation time.
    public let key: ResourceKey
    public let arn: String
    /// 0 where nothing is kept.
    public let retentionHours: Int64
    /// HOT or WARM: where new fragments go.
    public let storageTier: String
    /// The database's clock when this was read, in milliseconds since the epoch.
    public let now: Int64

    /// What began at this moment of the server's clock or before has expired. In milliseconds since the epoch.
    public var horizon: Int64 { now - retentionHours * 3_600_000 }
}
