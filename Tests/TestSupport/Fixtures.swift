public import Store

/// What the resources of tests have in common.
public enum Fixture {
    /// The account unless another is named.
    public static let account = "111122223333"
    /// The region unless another is named.
    public static let region = "eu-west-1"
    /// The thing whose agent has the edge configurations unless another is named.
    public static let hub = "arn:aws:iot:\(region):\(account):thing/hub"
    /// How long an edge agent may be silent unless something else is said, in milliseconds.
    public static let edgeTimeout: Int64 = 1000

    /// A token that no other has.
    public static func token() -> String {
        "t" + String(UInt64.random(in: 0 ... .max), radix: 36) + String(UInt64.random(in: 0 ... .max), radix: 36)
    }
}

extension ResourceKey {
    /// The stream, or other resource, of this name in the usual account and region.
    public static func named(
        _ name: String, kind: ResourceKind = .stream, account: String = Fixture.account, region: String = Fixture.region,
        creationTime: Int64? = nil
    ) -> ResourceKey {
        ResourceKey(kind, account: account, region: region, name: name, creationTime: creationTime)
    }
}

extension ResourceKind {
    /// The operation that creates such a resource.
    public var createOperation: String {
        switch self {
        case .stream: "CreateStream"
        case .channel: "CreateSignalingChannel"
        }
    }
}

extension NewStream {
    /// A stream of this name, with a retention of 24 hours, as a call might ask for it.
    public static func named(
        _ name: String, account: String = Fixture.account, region: String = Fixture.region, retention: Int64 = 24, tags: [TagRecord] = []
    ) -> NewStream {
        NewStream(
            key: .named(name, account: account, region: region), arnPrefix: "arn:aws:kinesisvideo:\(region):\(account):stream/\(name)/",
            version: Fixture.token(), deviceName: "camera", mediaType: "video/h264", kmsKeyID: "key", dataRetentionInHours: retention,
            defaultStorageTier: "HOT", tags: tags)
    }
}

extension NewChannel {
    /// A channel of this name, as a call might ask for it.
    public static func named(
        _ name: String, account: String = Fixture.account, region: String = Fixture.region, tags: [TagRecord] = []
    ) -> NewChannel {
        NewChannel(
            key: .named(name, kind: .channel, account: account, region: region),
            arnPrefix: "arn:aws:kinesisvideo:\(region):\(account):channel/\(name)/", version: Fixture.token(), channelType: "SINGLE_MASTER",
            messageTtlSeconds: 60, tags: tags)
    }
}

extension ChannelUpdate {
    /// An update of the time that messages are kept.
    public static func expecting(_ version: String, messageTtlSeconds: Int64 = 90) -> ChannelUpdate {
        ChannelUpdate(expectedVersion: version, newVersion: Fixture.token(), messageTtlSeconds: messageTtlSeconds)
    }
}

extension Change {
    /// A change under a fresh token. With an invocation id, the same call can be made again.
    public static func fresh(
        _ operation: String = "Operation", invocation: String? = nil, bodyHash: String = "hash", keyID: String = "AKIATEST"
    ) -> Change {
        Change(
            token: Fixture.token(), operation: operation, keyID: keyID, requestID: "request",
            retry: invocation.map { Retry(invocationID: $0, bodyHash: bodyHash) })
    }
}

extension StreamUpdate {
    /// An update of nothing but the version, unless the retention changes too.
    public static func expecting(_ version: String, retentionChangeInHours: Int64? = nil) -> StreamUpdate {
        StreamUpdate(expectedVersion: version, newVersion: Fixture.token(), retentionChangeInHours: retentionChangeInHours)
    }
}
