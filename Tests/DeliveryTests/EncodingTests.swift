import Contract
import Crypto
import Foundation
import Signing
import Store
import Testing

@testable import Delivery

@Suite struct EncodingTests {
    static let event = Event(
        resourceARN: "arn:aws:kinesisvideo:us-east-1:111122223333:stream/gate/1705489836421", sequence: 7, type: "UpdateStream",
        account: "111122223333", region: "us-east-1", status: "UPDATING", version: "v", keyID: "AKIA", requestID: "r-1",
        occurredAt: 1_705_489_836_421)

    private static func json(_ bytes: [UInt8]) throws -> JSONObject {
        guard case .object(let object) = try JSONParser.parse(bytes) else { throw DeliveryFault("no object") }
        return object
    }

    @Test func `an event is a CloudEvent`() throws {
        #expect(
            String(decoding: CloudEvent.json(Self.event), as: UTF8.self) == """
                {"specversion":"1.0","id":"arn:aws:kinesisvideo:us-east-1:111122223333:stream/gate/1705489836421/7@1705489836421",\
                "source":"urn:weir:kinesisvideo:us-east-1:111122223333","type":"weir.kinesisvideo.UpdateStream",\
                "subject":"arn:aws:kinesisvideo:us-east-1:111122223333:stream/gate/1705489836421","time":"2024-01-17T11:10:36.421Z",\
                "datacontenttype":"application/json","sequence":"7","sequencetype":"Integer",\
                "data":{"resourceARN":"arn:aws:kinesisvideo:us-east-1:111122223333:stream/gate/1705489836421","account":"111122223333",\
                "region":"us-east-1","status":"UPDATING","version":"v","keyId":"AKIA","requestId":"r-1","sequence":7}}
                """)
        #expect(EventKey(id: Self.event.id) == Self.event.key)
    }

    @Test func `a replay says so, and what is not known is left out`() throws {
        let event = Event(
            resourceARN: "arn:aws:kinesisvideo:::destination/sub-1", sequence: 1, type: "DestinationPaused", account: "", region: "",
            status: "PAUSED", version: "", keyID: "", requestID: "", occurredAt: 0)
        let object = try Self.json(CloudEvent.json(event, isReplay: true))
        #expect(object["replayed"] == .bool(true))
        #expect(object["source"] == .string("urn:weir:kinesisvideo"))
        #expect(object["time"] == .string("1970-01-01T00:00:00.000Z"))
        guard case .object(let data)? = object["data"] else { throw DeliveryFault("no data") }
        #expect(data.members.map(\.key) == ["resourceARN", "status", "sequence"])
    }

    @Test(
        arguments: [
            ("0", 0), ("120", 120_000), (" 7\t", 7000), ("3600", 3_600_000), ("3601", 3_600_000), ("99999999999999999999", 3_600_000),
            // By the receiver's own clock, which may be wrong.
            ("Sun, 06 Nov 1994 08:50:37 GMT", 60_000), ("Sun, 06 Nov 1994 08:00:00 GMT", 0), ("Mon, 07 Nov 1994 08:49:37 GMT", 3_600_000),
            ("-1", nil), ("1.5", nil), ("", nil), ("soon", nil), ("Sun, 06 Nov 1994 08:50:37 CET", nil),
            ("Sun, 6 Nov 1994 08:50:37 GMT", nil),
            ("Sun, 06 Foo 1994 08:50:37 GMT", nil), ("Wed, 31 Feb 1995 08:50:37 GMT", nil), ("Sun, 00 Nov 1994 08:50:37 GMT", nil),
            ("Sun, 06 Nov 1994 24:50:37 GMT", nil),
        ] as [(String, Int64?)]) func `Retry-After is seconds or a date`(_ text: String, _ expected: Int64?)
    {
        #expect(RetryAfter.milliseconds(text, date: "Sun, 06 Nov 1994 08:49:37 GMT", now: 0) == expected)
    }

    @Test func `without the receiver's clock ours counts`() {
        #expect(RetryAfter.milliseconds("Sun, 06 Nov 1994 08:49:37 GMT", date: nil, now: 784_111_770_000) == 7000)
        #expect(RetryAfter.milliseconds("Sun, 06 Nov 1994 08:49:37 GMT", date: "today", now: 784_111_770_000) == 7000)
    }

    @Test func `a back-off doubles up to an hour, and does not run ahead of half its schedule`() {
        let backoff = Backoff()
        for _ in 0..<200 {
            var elapsed: Int64 = 0
            var most: Int64 = 0
            for attempt in Int64(1)...14 {
                let longest = min(Int64(1000) << (attempt - 1), 3_600_000)
                most += longest
                let delay = backoff.delay(afterAttempt: attempt, elapsed)
                #expect((0...longest).contains(delay))
                elapsed += delay
                #expect(elapsed >= most / 2)
            }
            // Fifteen attempts outlast a receiver that is away for an hour and a half.
            #expect(elapsed >= 90 * 60_000)
        }
        // Who has waited for long anyway waits for anything at all.
        let delays = (0..<200).map { _ in backoff.delay(afterAttempt: 5, 1_000_000) }
        #expect((delays.min() ?? .max) < 4000 && (delays.max() ?? 0) > 12_000)
        #expect(backoff.delay(afterAttempt: 100, 0) <= 3_600_000)
    }

    // The vector that the libraries of Standard Webhooks are tested with.
    @Test func `webhooks are signed as Standard Webhooks says`() throws {
        let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let body = Array(#"{"test": 2432232314}"#.utf8)
        let published = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        let headers = WebhookSigner(WebhookCredentials(secrets: [secret])).headers(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: 1_614_265_330, body: body)
        #expect(headers.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(headers.map(\.value) == ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", published])

        // While a secret is changed over, both sign.
        let newer = WebhookSecret.random()
        let both = WebhookSigner(WebhookCredentials(secrets: [newer, secret])).headers(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: 1_614_265_330, body: body)
        let signatures = try #require(both.last?.value.split(separator: " "))
        #expect(signatures.count == 2 && signatures[1] == published && signatures[0] != published)
    }

    @Test
    func
        `the id of a message holds nothing by which the signed text could be taken apart, and tells events apart`()
    {
        let events = [
            "arn:aws:kinesisvideo:us-east-1:123456789012:stream/a.b/1/1@2",
            "arn:aws:kinesisvideo:us-east-1:123456789012:stream/a/1/1@2", "",
        ]
        let ids = events.map(WebhookSigner.messageID)
        #expect(ids.allSatisfy { $0.wholeMatch(of: /evt_[0-9a-f]{32}/) != nil })
        #expect(Set(ids).count == 3 && ids == events.map(WebhookSigner.messageID))
    }

    @Test func `headers that an operator adds go with each attempt, and are shown by nothing`() throws {
        let header = try WebhookHeader("Authorization: Bearer a:b c \t")
        #expect(header.name == "Authorization" && header.line == "Authorization: Bearer a:b c")
        #expect(!"\(header) \(String(reflecting: header))".contains("Bearer"))
        var dumped = ""
        dump(header, to: &dumped)
        #expect(!dumped.contains("Bearer"))
        let headers = WebhookSigner(WebhookCredentials(secrets: [], headers: [header])).headers(
            id: "evt_1", at: 0, body: [])
        #expect(headers.last.map { "\($0)=\($1)" } == "Authorization=Bearer a:b c")
    }

    @Test(arguments: [
        "", "Authorization", ": x", "X Y: z", "X\u{E9}: z", "X: ", "X: a\r\nY: b", "X: \u{7F}", "X: é",
        "Host: a", "content-length: 5", "Content-Type: text/plain",
        "Webhook-Signature: v1,x", "Transfer-Encoding: chunked",
        "X: " + String(repeating: "a", count: 4097),
    ]) func `what is no header, or ours to set, is refused without telling its value`(_ line: String) {
        let fault = #expect(throws: WebhookHeader.Fault.self) { try WebhookHeader(line) }
        #expect(
            fault.map { !$0.description.contains("aaa") && !$0.description.contains("v1,x") } == true)
    }

    @Test(arguments: [
        ("application/json", true), ("application/cloudevents+json; charset=utf-8", true),
        ("text/plain", true), ("json", false), ("a/b/c", false), ("/b", false),
        ("a/", false), ("a b/c", false), ("a/b\r\nX: y", false), ("a/b; x=é", false), ("", false),
    ]) func `a content type has a form`(_ text: String, _ expected: Bool) {
        #expect(WebhookHeader.isContentType(text) == expected)
    }

    @Test func `a temporary key publishes with its session token, which is signed`() throws {
        let credentials = Credentials(
            accessKeyID: "ASIA", secretAccessKey: "secret", sessionToken: "token")
        let post = try SNSPublisher(endpoint: nil, credentials: credentials).request(
            TopicMessage(subject: "s", body: "b"), to: "arn:aws:sns:eu-west-1:123456789012:topic",
            at: Date(timeIntervalSince1970: 0))
        #expect(post.headers.contains { $0.name == "X-Amz-Security-Token" && $0.value == "token" })
        #expect(
            post.headers.contains {
                $0.name == "Authorization" && $0.value.contains("x-amz-security-token")
            })
    }

    @Test func `secrets are handed out in one form, and shown by nothing else`() throws {
        let secret = WebhookSecret.random()
        #expect(secret.text.hasPrefix("whsec_") && secret.bytes.count == 32)
        #expect(WebhookSecret(secret.text) == secret)
        #expect(WebhookSecret(String(secret.text.dropFirst(6))) == nil)
        #expect(WebhookSecret("whsec_c2hvcnQ=") == nil)
        #expect(WebhookSecret("whsec_%") == nil)
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped] { #expect(!text.contains(String(secret.text.dropFirst(6)))) }
    }

    /// What botocore sends; `Tests/Vectors/sns/generate.py` says how.
    private struct Vector: Decodable {
        var topic: String
        var subject: String
        var message: String
        var attributes: [[String]]
        var endpoint: String?
        var accessKeyID: String
        var secret: String
        var now: Double
        var url: String
        var contentType: String
        var body: String
        var authorization: String
    }

    @Test func `publishing is what botocore sends`() throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: tests.appendingPathComponent("Vectors/sns/publish.json"))
        let vectors = try JSONDecoder().decode([Vector].self, from: data)
        #expect(vectors.count == 4)
        for vector in vectors {
            let publisher = SNSPublisher(
                endpoint: vector.endpoint, credentials: Credentials(accessKeyID: vector.accessKeyID, secretAccessKey: vector.secret))
            let message = TopicMessage(
                subject: vector.subject, body: vector.message, attributes: vector.attributes.map { (name: $0[0], value: $0[1]) })
            let request = try publisher.request(message, to: vector.topic, at: Date(timeIntervalSince1970: vector.now))
            #expect(request.target.url == vector.url)
            #expect(String(decoding: request.body, as: UTF8.self) == vector.body)
            #expect(request.headers.first { $0.name == "Content-Type" }?.value == vector.contentType)
            #expect(request.headers.first { $0.name == "Authorization" }?.value == vector.authorization)
            #expect(request.isTrusted)
        }
    }

    @Test(arguments: ["arn:aws:sns:evil.example.com/:1:x", "arn:aws:sns::1:x", "arn:a/b:sns:us-east-1:1:x", "topic"])
    func `the name of a topic does not lead elsewhere`(_ topic: String) {
        let publisher = SNSPublisher(endpoint: nil, credentials: Credentials(accessKeyID: "a", secretAccessKey: "b"))
        #expect(throws: DeliveryFault.self) { try publisher.request(TopicMessage(subject: "s", body: "m"), to: topic, at: Date()) }
    }

    @Test func `a topic needs a key, and tells of errors by their code`() {
        let error = #expect(throws: DeliveryFault.self) {
            try SNSPublisher(endpoint: nil, credentials: nil).request(
                TopicMessage(subject: "s", body: "m"), to: "arn:aws:sns:us-east-1:111122223333:cameras", at: Date())
        }
        #expect(error?.description.contains("sns-access-key-id") == true)
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>no</Message></Error></ErrorResponse>"
        #expect(SNSPublisher.errorCode(in: Array(body.utf8)) == "NotFound")
        #expect(SNSPublisher.errorCode(in: Array("<Code>".utf8)) == nil)
    }

    @Test func `topics are told of the life of a stream under a subject of its own`() {
        let message = TopicMessage.of(Self.event, isReplay: false)
        #expect(message.subject == "Kinesis Video Streams Lifecycle")
        #expect(Array(message.body.utf8) == CloudEvent.json(Self.event))
        #expect(message.attributes.map(\.name) == ["type"])
        #expect(message.attributes.map(\.value) == ["weir.kinesisvideo.UpdateStream"])
    }

    @Test func `a FIFO topic is told which events are of one resource, and which are the same`() {
        func members(_ event: Event, isReplay: Bool = false, topic: String = "arn:aws:sns:us-east-1:111122223333:cameras.fifo")
            -> [Substring]
        {
            String(decoding: SNSPublisher.body(.of(event, isReplay: isReplay), topic), as: UTF8.self).split(separator: "&")
        }
        func member(_ name: String, _ members: [Substring]) -> Substring? { members.first { $0.hasPrefix(name + "=") } }
        let first = members(Self.event)
        let replay = members(Self.event, isReplay: true)
        #expect(member("MessageGroupId", first)?.wholeMatch(of: /MessageGroupId=[0-9a-f]{64}/) != nil)
        #expect(member("MessageDeduplicationId", first)?.wholeMatch(of: /MessageDeduplicationId=[0-9a-f]{64}/) != nil)
        #expect(member("MessageGroupId", first) == member("MessageGroupId", replay))
        // What is sent again on purpose is to arrive.
        #expect(member("MessageDeduplicationId", first) != member("MessageDeduplicationId", replay))
        let plain = members(Self.event, topic: "arn:aws:sns:us-east-1:111122223333:cameras")
        #expect(!plain.contains { $0.hasPrefix("MessageGroupId") || $0.hasPrefix("MessageDeduplicationId") })
    }

    @Test func `topics are told of fragments as the service tells of them, and of nothing else`() throws {
        let notification = #"{"StreamArn":"arn:s","FragmentNumber":"913","NotificationPayload":{"gate":"\"7\""}}"#
        let event = Event(
            resourceARN: "arn:s/fragments", sequence: 7, type: "FragmentPersisted", account: "1", region: "r", status: "PERSISTED",
            version: "", keyID: "", requestID: "", occurredAt: 1, detail: notification)
        let message = TopicMessage.of(event, isReplay: false)
        #expect(message.subject == "Kinesis Video Streams Notification")
        #expect(message.body == notification)
        #expect(message.attributes.isEmpty)
        #expect(message.group == "arn:s/fragments")
        #expect(message.id != TopicMessage.of(event, isReplay: true).id)
        #expect(String(decoding: CloudEvent.json(event), as: UTF8.self).hasSuffix(#""sequence":7,"notification":"# + notification + "}}"))
    }
}
