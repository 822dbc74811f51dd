import Contract
public import NIOCore
import Store

/// What the clients of signaling may do.
///
/// `aws` is what the WebRTC developer guide documents, "Amazon Kinesis Video Streams with WebRTC service quotas"; `relaxed` is only what protects the
/// deployment and the other clients of a channel.
public struct SignalingLimits: Sendable {
    /// The longest message, in bytes, and the longest payload once it is decoded: with it in base64 the message has room for its other members.
    public var message = 80 << 10
    public var payload = 48 << 10
    /// Offers and answers, and candidates, that a client may send in a second.
    public var descriptionsPerSecond = 50.0
    public var candidatesPerSecond = 200.0
    /// Masters that may connect to a channel in a second, and viewers as many; nil for any number.
    public var connectsPerSecond: Double?
    /// Viewers of a channel at one time.
    public var viewers = Int64.max
    public var silence: TimeAmount?
    public var longest: TimeAmount?
    public var ping = TimeAmount.seconds(30)
    public var grace = TimeAmount.seconds(60)

    public init() {}

    public static var relaxed: SignalingLimits { SignalingLimits() }

    public static var aws: SignalingLimits {
        var limits = SignalingLimits()
        limits.message = 16 << 10
        limits.payload = 10_240
        limits.descriptionsPerSecond = 5
        limits.candidatesPerSecond = 20
        limits.connectsPerSecond = 3
        limits.viewers = 10
        limits.silence = .minutes(10)
        limits.longest = .hours(1)
        return limits
    }
}

/// How often clients connect to channels: a bucket for each channel and role, whether or not anybody stays connected. Those that are full again are
/// forgotten.
struct ConnectRates: Sendable {
    private struct Key: Hashable {
        let channel: ResourceKey
        let role: ChannelRole
    }

    private var buckets: [Key: Bucket] = [:]
    private var sweepAt: NIODeadline?

    /// Takes one connection out, where there is one: at most `rate` in a second.
    mutating func take(_ role: ChannelRole, of channel: ResourceKey, rate: Double, _ now: NIODeadline) -> Bool {
        if sweepAt.map({ now >= $0 }) ?? true {
            buckets = buckets.filter { !$0.value.isFull(now) }
            sweepAt = now + .seconds(1)
        }
        return buckets[Key(channel: channel, role: role), default: Bucket(rate: rate, now: now)].take(now)
    }
}

/// A bucket that fills at a rate and holds one second of it.
struct Bucket: Sendable {
    private let rate: Double
    private var tokens: Double
    private var filledAt: NIODeadline

    init(rate: Double, now: NIODeadline) {
        self.rate = rate
        tokens = rate
        filledAt = now
    }

    /// Whether it is as a new one would be.
    func isFull(_ now: NIODeadline) -> Bool { tokens + Double((now - filledAt).nanoseconds) / 1e9 * rate >= rate }

    /// Takes one out, where there is one.
    mutating func take(_ now: NIODeadline) -> Bool {
        tokens = min(rate, tokens + Double((now - filledAt).nanoseconds) / 1e9 * rate)
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
