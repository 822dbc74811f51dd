/// Sends an offer to the master of a channel and waits for its answer.
public enum SendAlexaOfferToMaster: Operation {
    public struct Input: Sendable, NamesChannelByARN {
        public let channelARN: String
        public let messagePayload: String
        public let senderClientID: String
    }

    public struct Output: Sendable {
        public let answer: String?

        public init(answer: String?) { self.answer = answer }
    }

    public static let input = structure(
        "SendAlexaOfferToMasterInput", Input.init,
        required("ChannelARN", .signalingChannelARN, \.channelARN, Text.channelARNOnly),
        required("MessagePayload", .messagePayload, \.messagePayload, "The offer, as JSON in base64."),
        required("SenderClientId", .clientID, \.senderClientID, "Who sends it, for the caller's own use: the master is told another id."))

    public static let output: Shape<Output>? = structure(
        "SendAlexaOfferToMasterOutput", Output.init,
        optional("Answer", .string(1...10_000), \.answer, "The master's answer, in base64. Absent where none came in time."))

    public static let contract = OperationContract(
        of: Self.self, .signaling, .post("/v1/send-alexa-offer-to-master"), .reads,
        area: .signaling, needs: .notDeleting, rate: RequestRate(perAccount: 100, perResource: 5),
        summary: "Send an offer to the master and wait for the answer",
        documentation: """
            Sends the offer to the channel's master as that of a viewer with an id of its own, and waits for the master's answer, for as many \
            seconds as the channel keeps messages. A master that connects meanwhile gets the offer then. Where no answer comes in time, the \
            response is 200 without Answer. ICE candidates that the master sends to that id go nowhere: the answer must hold them.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .notAuthorized, .resourceNotFound],
        exampleRequest: """
            {"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421",\
            "MessagePayload":"eyJ0eXBlIjoib2ZmZXIiLCJzZHAiOiJ2PTAifQ==","SenderClientId":"echo-show-1"}
            """,
        exampleResponse: #"{"Answer":"eyJ0eXBlIjoiYW5zd2VyIiwic2RwIjoidj0wIn0="}"#)
}
