import Crypto
import FoundationEssentials
import Signing
import Store

/// A message to a topic.
struct TopicMessage: Sendable {
    /// At most 100 characters of ASCII.
    var subject: String
    var body: String
    /// Attributes that are strings, by which subscriptions can filter.
    var attributes: [(name: String, value: String)] = []
    /// A FIFO topic keeps the order of messages with the same group...
    var group = ""
    /// ...and hands on one of those that come with the same id within five minutes.
    var id = ""

    /// An event, as topics get it.
    static func of(_ event: Event, isReplay: Bool) -> TopicMessage {
        guard let notification = event.detail, !event.isOfImages else { return lifecycle(event, isReplay: isReplay) }
        return TopicMessage(
            subject: "Kinesis Video Streams Notification", body: notification, group: event.resourceARN, id: id(event, isReplay))
    }

    /// What happened to a resource: the subject tells it apart from the notifications of fragments, which consumers of a topic may expect alone.
    private static func lifecycle(_ event: Event, isReplay: Bool) -> TopicMessage {
        TopicMessage(
            subject: "Kinesis Video Streams Lifecycle", body: String(decoding: CloudEvent.json(event, isReplay: isReplay), as: UTF8.self),
            attributes: [("type", CloudEvent.typePrefix + event.type)], group: event.resourceARN,
            id: id(event, isReplay))
    }

    private static func id(_ event: Event, _ isReplay: Bool) -> String { isReplay ? event.id + "/replay" : event.id }
}

/// Publishes to topics through the query API of Amazon SNS, or of a server that speaks it.
struct SNSPublisher: Sendable {
    private let endpoint: String?
    private let credentials: Credentials?

    /// `endpoint` is a URL; nil for AWS in the topic's region.
    init(endpoint: String?, credentials: Credentials?) {
        self.endpoint = endpoint
        self.credentials = credentials
    }

    /// The signed request that publishes a message at a time.
    func request(_ message: TopicMessage, to topicARN: String, at time: Date) throws(DeliveryFault) -> Post {
        guard let credentials else {
            throw DeliveryFault("sns-access-key-id and sns-secret-access-key are not configured, which publishing to a topic needs")
        }
        guard let topic = TopicARN(topicARN) else {
            throw DeliveryFault("the target is not the ARN of a topic")
        }
        let region = topic.region
        let target: WebTarget
        do throws(WebTarget.Fault) {
            target = try WebTarget(endpoint ?? "https://sns.\(region).amazonaws.com\(topic.partition == "aws-cn" ? ".cn" : "")/")
        } catch {
            throw DeliveryFault("sns-endpoint: \(error.description)")
        }
        let body = Self.body(message, topicARN)
        let signed = [
            RequestSigner.Header("Host", target.hostHeader),
            RequestSigner.Header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ]
        let signature = RequestSigner(credentials: credentials, region: region, service: "sns").headers(
            signing: signed, path: target.pathAndQuery, body: body, at: time)
        return Post(
            target: target, headers: (signed.dropFirst() + signature).map { ($0.name, $0.value) }, body: body, isTrusted: true)
    }

    /// The form of the call, in the order in which botocore writes it.
    static func body(_ message: TopicMessage, _ topicARN: String) -> [UInt8] {
        var members = [
            ("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", topicARN), ("Message", message.body),
            ("Subject", message.subject),
        ]
        if topicARN.hasSuffix(".fifo") {
            // Digests, since both may be longer than the 128 characters that SNS takes.
            let digest = { (text: String) in RequestSigner.hexadecimal(SHA256.hash(data: Array(text.utf8))) }
            members += [("MessageGroupId", digest(message.group)), ("MessageDeduplicationId", digest(message.id))]
        }
        for (index, attribute) in message.attributes.enumerated() {
            let entry = "MessageAttributes.entry.\(index + 1)"
            members += [
                ("\(entry).Name", attribute.name), ("\(entry).Value.DataType", "String"), ("\(entry).Value.StringValue", attribute.value),
            ]
        }
        var form: [UInt8] = []
        for (name, value) in members {
            if !form.isEmpty { form.append(UInt8(ascii: "&")) }
            encode(name, &form)
            form.append(UInt8(ascii: "="))
            encode(value, &form)
        }
        return form
    }

    private static func encode(_ text: String, _ form: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                form.append(byte)
            case UInt8(ascii: " "): form.append(UInt8(ascii: "+"))
            default: form += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }

    /// What an answer that is no success says of the reason: the content of its element `Code`.
    static func errorCode(in body: [UInt8]) -> String? {
        let text = String(decoding: body, as: UTF8.self)
        guard let open = text.firstRange(of: "<Code>"), let close = text[open.upperBound...].firstRange(of: "</Code>") else { return nil }
        return String(text[open.upperBound..<close.lowerBound].prefix(64))
    }
}
