import Contract
import Store
import Testing

@testable import ControlPlane

@Suite struct ResourceARNTests {
    @Test func `an ARN is taken apart`() throws {
        let arn = try #require(ResourceARN("arn:aws-cn:kinesisvideo:cn-north-1:111122223333:stream/gate.7/1705489836421"))
        #expect(arn.partition == "aws-cn")
        #expect(arn.region == "cn-north-1")
        #expect(arn.account == "111122223333")
        #expect(arn.type == "stream")
        #expect(arn.name == "gate.7")
        #expect(arn.creationTime == 1_705_489_836_421)
    }

    @Test(arguments: [
        "", "arn", "arn:aws:kinesisvideo:r:1", "arn:aws:kinesisvideo:r:1:stream", "arn:aws:kinesisvideo:r:1:stream/a",
        "arn:aws:kinesisvideo:r:1:stream/a/1/2",
    ]) func `what has other parts is no ARN`(_ text: String) {
        #expect(ResourceARN(text) == nil)
    }

    @Test(arguments: ["", "x", "01", "+1", "1.0", "99999999999999999999", "１"]) func `a time that is not written as ours names nothing`(
        _ time: String
    ) {
        #expect(ResourceARN("arn:aws:kinesisvideo:r:1:stream/a/\(time)").map { $0.creationTime == nil } == true)
    }

    @Test func `each region is in its partition`() {
        #expect(ResourceARN.partition(of: "eu-west-1") == "aws")
        #expect(ResourceARN.partition(of: "cn-north-1") == "aws-cn")
        #expect(ResourceARN.partition(of: "us-gov-west-1") == "aws-us-gov")
        #expect(ResourceARN.partition(of: "cnx") == "aws")
    }
}

@Suite struct ResourceSubjectTests {
    private static let arn = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/gate/1705489836421"

    private static func subject(
        name: String? = nil, arn: String?, _ caller: Caller = .test(), wrongForm: ErrorCode = .invalidArgument
    ) -> Result<ResourceSubject, OperationError> {
        Result { () throws(OperationError) in try ResourceSubject(stream: name, arn: arn, caller, .describeStream, wrongForm: wrongForm) }
    }

    private static func refusal(
        name: String? = nil, arn: String?, _ caller: Caller = .test(), wrongForm: ErrorCode = .invalidArgument
    ) -> OperationError? {
        switch subject(name: name, arn: arn, caller, wrongForm: wrongForm) {
        case .success: nil
        case .failure(let error): error
        }
    }

    @Test func `a name means any incarnation, an ARN means one`() throws {
        let byName = try Self.subject(name: "gate", arn: nil).get()
        #expect(byName.key == .init(.stream, account: "111122223333", region: "eu-west-1", name: "gate"))
        #expect(byName.resourceName == "gate")
        let byARN = try Self.subject(arn: Self.arn).get()
        #expect(byARN.key == .init(.stream, account: "111122223333", region: "eu-west-1", name: "gate", creationTime: 1_705_489_836_421))
        #expect(try Self.subject(name: "gate", arn: Self.arn).get().key == byARN.key)
        #expect(try Self.subject(arn: "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/gate/007").get().key.creationTime == -1)
    }

    @Test func `neither, or two streams, is refused`() {
        #expect(Self.refusal(arn: nil)?.code == .invalidArgument)
        #expect(Self.refusal(arn: nil)?.publicMessage == "StreamName or StreamARN is required: name the stream by one of them.")
        let two = Self.refusal(name: "other", arn: Self.arn)
        #expect(two?.code == .invalidArgument)
        #expect(two?.publicMessage == "StreamName other and StreamARN \(Self.arn) mean different streams: give one of them.")
        #expect(Self.refusal(name: "other", arn: Self.arn, wrongForm: .invalidResourceFormat)?.code == .invalidArgument)
    }

    @Test(arguments: [ErrorCode.invalidArgument, .invalidResourceFormat]) func `an ARN of another type, region or partition is refused`(
        _ code: ErrorCode
    ) {
        for arn in [
            "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/gate/1705489836421",
            "arn:aws:kinesisvideo:eu-west-2:111122223333:stream/gate/1705489836421",
            "arn:aws-cn:kinesisvideo:eu-west-1:111122223333:stream/gate/1705489836421",
        ] {
            let refusal = Self.refusal(arn: arn, wrongForm: code)
            #expect(refusal?.code == code)
            #expect(refusal?.publicMessage.contains(arn) == true)
        }
    }

    @Test func `an ARN of another account is denied, whatever else is wrong with it`() {
        for arn in [
            "arn:aws:kinesisvideo:eu-west-1:999988887777:stream/gate/1705489836421",
            "arn:aws:kinesisvideo:eu-west-2:999988887777:stream/gate/1705489836421",
        ] {
            for name in [nil, "gate", "other"] {
                let refusal = Self.refusal(name: name, arn: arn, wrongForm: .invalidResourceFormat)
                #expect(refusal?.code == .accessDenied)
                #expect(
                    refusal?.publicMessage
                        == "User: arn:aws:iam::111122223333:user/AKIATEST is not authorized to perform: kinesisvideo:DescribeStream on resource: \(arn)"
                )
            }
        }
    }
}
