import Contract
import NIOCore
import Store
import Testing

@testable import SignalingPlane

/// What clients send in their spellings, and what they are sent.
@Suite struct SignalingMessageTests {
    private func read(_ text: String) -> ClientMessage? { ClientMessage(ByteBuffer(string: text)) }

    @Test func `the spellings of the JavaScript and the C SDK are one message`() {
        let expected = ClientMessage(kind: .offer, recipient: "phone", payload: "cA==", correlationID: "7")
        #expect(
            read(#"{"action":"SDP_OFFER","messagePayload":"cA==","recipientClientId":"phone","correlationId":"7"}"#) == expected)
        #expect(
            read(
                #"{"action":"SDP_OFFER","RecipientClientId":"phone","MessagePayload":"cA==","CorrelationId":"7","IceServerList":[{"Ttl":300}]}"#
            )
                == expected)
        #expect(
            read(
                #"{"action":"SDP_OFFER","recipientClientId":"phone","messagePayload":"cA==","correlationId":"7","senderClientId":"somebody"}"#
            )
                == expected)
    }

    @Test(arguments: ["", " ", "ping", "[]", "1", #""SDP_OFFER""#, "{", #"{"action":"#, "{\"action\":\"\u{0}\"}", #"{"a":1,"a":2}"#])
    func `what is no JSON object is no message`(_ text: String) {
        #expect(read(text) == nil)
    }

    @Test func `what is no UTF-8 is no message`() {
        #expect(ClientMessage(ByteBuffer(bytes: Array(#"{"action":""#.utf8) + [0xFF] + Array(#""}"#.utf8))) == nil)
    }

    @Test func `members of another type or value count as absent`() {
        let message = read(#"{"action":"PING","messagePayload":1,"recipientClientId":null,"correlationId":"not an id"}"#)
        #expect(message == ClientMessage(kind: nil, recipient: "", payload: "", correlationID: nil))
        #expect(read(#"{"action":"sdp_offer"}"#)?.kind == nil)
        #expect(read(#"{"correlationId":"\#(String(repeating: "a", count: 257))"}"#)?.correlationID == nil)
    }

    /// The text, what it becomes, and how many bytes it stands for.
    @Test(
        arguments: [
            ("cA==", "cA==", 1), ("cA", "cA==", 1), ("cGU=", "cGU=", 2), ("cGU", "cGU=", 2), ("cGVu", "cGVu", 3), ("-_-_", "+/+/", 3),
            ("+/+/", "+/+/", 3), ("-_8", "+/8=", 2),
        ] as [(String, String, Int)])
    func `both kinds of base64 become the padded standard one`(_ text: String, _ standard: String, _ count: Int) {
        let read = text.standardBase64
        #expect(read?.text == standard && read?.decodedCount == count)
    }

    @Test(arguments: ["", "=", "====", "c", "cA=", "cA===", "cGVu=", "c A=", "cA==c", "c=A=", "cé", "cA=\n", "cGVuc"])
    func `what is no base64 is refused`(_ text: String) {
        #expect(text.standardBase64 == nil)
    }

    @Test func `messages are one line of JSON, and only a master is told who sends`() {
        #expect(
            String(buffer: Letter(kind: .candidate, sender: "phone", payload: "cA==").text)
                == #"{"messagePayload":"cA==","messageType":"ICE_CANDIDATE","senderClientId":"phone"}"#)
        #expect(
            String(buffer: Letter(kind: .answer, sender: "", payload: "cA==").text)
                == #"{"messagePayload":"cA==","messageType":"SDP_ANSWER"}"#)
    }

    @Test func `a failure names the message, in strings, with a payload`() {
        let text = String(buffer: MessageFailure(code: .invalidArgument, description: #"It is "wrong"."#).text("7"))
        #expect(
            text == #"{"messagePayload":"e30=","messageType":"STATUS_RESPONSE","statusResponse":{"correlationId":"7","description":"#
                + #""It is \"wrong\".","errorType":"InvalidArgumentException","statusCode":"400","success":false}}"#)
        #expect(String(buffer: ControlMessage.goAway) == #"{"messagePayload":"e30=","messageType":"GO_AWAY"}"#)
    }

    @Test func `a bucket holds one second and fills at its rate`() {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var bucket = Bucket(rate: 5, now: start)
        #expect((0..<6).map { _ in bucket.take(start) } == [true, true, true, true, true, false])
        #expect([199, 201, 202].map { bucket.take(start + .milliseconds($0)) } == [false, true, false])
        #expect((0..<6).map { _ in bucket.take(start + .hours(1)) } == [true, true, true, true, true, false])
    }

    @Test func `each channel has a rate for masters and one for viewers, whoever stays connected`() {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let channels = ["door", "gate"].map {
            ResourceKey(.channel, account: "123456789012", region: "us-east-1", name: $0, creationTime: 1)
        }
        var rates = ConnectRates()
        for channel in channels {
            for role in ChannelRole.allCases {
                #expect((0..<4).map { _ in rates.take(role, of: channel, rate: 3, start) } == [true, true, true, false])
            }
        }
        // What is forgotten while others go on would be full.
        let later = start + .milliseconds(400)
        #expect((0..<2).map { _ in rates.take(.viewer, of: channels[0], rate: 3, later) } == [true, false])
        #expect([rates.take(.viewer, of: channels[1], rate: 3, start + .seconds(2))] == [true])
        #expect((0..<4).map { _ in rates.take(.viewer, of: channels[0], rate: 3, start + .seconds(2)) } == [true, true, true, false])
    }
}
