import Contract

/// The notification of a fragment that a producer has tagged for the stream's topic. Developer guide, "Getting started with notifications".
public struct FragmentNotification: Sendable {
    public var streamARN: String
    public var fragmentNumber: String
    /// Milliseconds since the epoch, by the producer's clock.
    public var producerTimestamp: Int64
    /// Milliseconds since the epoch, by the server's.
    public var serverTimestamp: Int64
    /// The fragment's other tags, at most ten, in their order.
    public var payload: [(name: String, value: String)]

    public init(
        streamARN: String, fragmentNumber: String, producerTimestamp: Int64, serverTimestamp: Int64,
        payload: [(name: String, value: String)]
    ) {
        self.streamARN = streamARN
        self.fragmentNumber = fragmentNumber
        self.producerTimestamp = producerTimestamp
        self.serverTimestamp = serverTimestamp
        self.payload = payload
    }

    /// As it is published.
    var message: TopicMessage {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.member("StreamArn", streamARN)
        writer.member("FragmentNumber", fragmentNumber)
        writer.key("FragmentStartProducerTimestamp")
        writer.integer(producerTimestamp)
        writer.key("FragmentStartServerTimestamp")
        writer.integer(serverTimestamp)
        writer.member("NotificationType", "PERSISTED")
        writer.key("NotificationPayload")
        writer.beginObject()
        for (name, value) in payload { writer.member(name, value) }
        writer.endObject()
        writer.endObject()
        return TopicMessage(subject: "Kinesis Video Streams Notification", body: String(decoding: writer.bytes, as: UTF8.self))
    }
}
