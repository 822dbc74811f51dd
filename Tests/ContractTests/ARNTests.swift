import Contract
import Testing

@Suite struct ARNTests {
    @Test func `an ARN has six parts, of which the last may hold colons`() {
        let arn = ARN("arn:aws:sns:eu-central-1:123456789012:cameras:more")
        #expect(arn?.partition == "aws" && arn?.service == "sns" && arn?.region == "eu-central-1" && arn?.account == "123456789012")
        #expect(arn?.resource == "cameras:more")
        #expect(ARN("arn:aws:s3:::bucket")?.region == "")
    }

    @Test(arguments: ["", "arn", "arn:aws:sns:eu-central-1:123456789012", "ARN:aws:sns:r:1:x", "x:aws:sns:r:1:x"])
    func `other texts are none`(_ text: String) {
        #expect(ARN(text) == nil)
    }
}
