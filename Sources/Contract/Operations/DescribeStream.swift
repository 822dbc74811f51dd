/// Describes a stream.
public enum DescribeStream: Operation {
    public struct Input: Sendable, NamesStream {
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let streamInfo: StreamInfo

        public init(streamInfo: StreamInfo) { self.streamInfo = streamInfo }
    }

    public static let input = structure(
        "DescribeStreamInput", Input.init,
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "DescribeStreamOutput", Output.init,
        required("StreamInfo", StreamInfo.shape, \.streamInfo, "The stream as it is now."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/describeStream"), .reads,
        area: .streams, needs: .any, rate: RequestRate(perAccount: 300, perResource: 5),
        summary: "Describe a stream",
        documentation: """
            Answers a stream. Every acknowledged change is visible at once, on every instance.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .notAuthorized, .resourceNotFound],
        links: Link.toAll(
            on: "StreamARN",
            [
                "StreamARN": "$response.body#/StreamInfo/StreamARN", "StreamName": "$response.body#/StreamInfo/StreamName",
                "CurrentVersion": "$response.body#/StreamInfo/Version",
            ]),
        exampleRequest: #"{"StreamName":"gate-7"}"#,
        exampleResponse: """
            {"StreamInfo":{"CreationTime":1705489836.421,"DataRetentionInHours":24,\
            "KmsKeyId":"arn:aws:kms:us-east-1:123456789012:alias/aws/kinesisvideo","MediaType":"video/h264","Status":"ACTIVE",\
            "StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421","StreamName":"gate-7",\
            "Version":"davN9FKg4vjyKdCSs0f4"}}
            """)
}
