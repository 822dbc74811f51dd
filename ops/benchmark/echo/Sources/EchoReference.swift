import Hummingbird
import Logging

/// A bare server to compare with: Hummingbird's router, `JSONDecoder` and `JSONEncoder`, and an answer that needs no database and no key.
///
/// `EchoReference PORT` answers `POST /describeStream` on 127.0.0.1 until it gets SIGTERM.
@main
struct EchoReference {
    /// What a client of DescribeStream sends.
    struct Question: Decodable {
        let streamName: String

        enum CodingKeys: String, CodingKey {
            case streamName = "StreamName"
        }
    }

    /// What DescribeStream answers.
    struct Answer: ResponseEncodable {
        let streamInfo: StreamInfo

        enum CodingKeys: String, CodingKey {
            case streamInfo = "StreamInfo"
        }
    }

    /// A stream, with the members that Weir answers for one which was made with a name only.
    struct StreamInfo: Encodable {
        let streamName: String
        let streamARN: String
        let kmsKeyID: String
        let version: String
        let status: String
        let creationTime: Double
        let dataRetentionInHours: Int

        enum CodingKeys: String, CodingKey {
            case streamName = "StreamName"
            case streamARN = "StreamARN"
            case kmsKeyID = "KmsKeyId"
            case version = "Version"
            case status = "Status"
            case creationTime = "CreationTime"
            case dataRetentionInHours = "DataRetentionInHours"
        }
    }

    static func main() async throws {
        guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
            fatalError("usage: EchoReference PORT")
        }
        let router = Router()
        router.post("/describeStream") { request, context in
            let question = try await request.decode(as: Question.self, context: context)
            return Answer(
                streamInfo: StreamInfo(
                    streamName: question.streamName,
                    streamARN: "arn:aws:kinesisvideo:us-east-1:123456789012:stream/\(question.streamName)/1700000000123",
                    kmsKeyID: "arn:aws:kms:us-east-1:123456789012:alias/aws/kinesisvideo", version: "aBcDeFgHiJkLmNoPqRsT",
                    status: "ACTIVE",
                    creationTime: 1_700_000_000.123, dataRetentionInHours: 0))
        }
        var logger = Logger(label: "echo")
        logger.logLevel = .error
        try await Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), logger: logger)
            .runService()
    }
}
