import Contract
import Store
import Testing

@testable import ControlPlane
@testable import Identity

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
        #expect(Partition.of("eu-west-1") == "aws")
        #expect(Partition.of("cn-north-1") == "aws-cn")
        #expect(Partition.of("us-gov-west-1") == "aws-us-gov")
        #expect(Partition.of("cnx") == "aws")
    }
}

@Suite struct ResourceKeyTests {
    private static let arn = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/gate/1705489836421"

    /// What a call of DescribeStream that names a stream so is about.
    private static func key(name: String? = nil, arn: String? = nil) async throws -> ResourceKey {
        var key: ResourceKey?
        try await Plane.with { plane in
            var call = Call(plane: plane.control, caller: .test(), contract: DescribeStream.contract)
            key = try call.stream(named: name, arn: arn)
        }
        return try #require(key)
    }

    /// Why a call that names a stream so is refused.
    private static func refusal(
        _ operation: OperationID = .describeStream, name: String? = nil, arn: String? = nil
    ) async throws -> OperationError {
        var refusal: OperationError?
        let members = [name.map { #""StreamName":"\#($0)""# }, arn.map { #""StreamARN":"\#($0)""# }].compactMap(\.self)
        try await Plane.with { plane in
            refusal = try await plane.refusal(operation, "{\(members.joined(separator: ","))}")
            #expect(plane.callCount == 0)
        }
        return try #require(refusal)
    }

    @Test func `a name means any incarnation, an ARN means one`() async throws {
        let byName = try await Self.key(name: "gate")
        #expect(byName == .init(.stream, account: "111122223333", region: "eu-west-1", name: "gate"))
        #expect(byName.resourceName == "gate")
        let byARN = try await Self.key(arn: Self.arn)
        #expect(byARN == .init(.stream, account: "111122223333", region: "eu-west-1", name: "gate", creationTime: 1_705_489_836_421))
        #expect(try await Self.key(name: "gate", arn: Self.arn) == byARN)
        #expect(try await Self.key(arn: "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/gate/007").creationTime == -1)
    }

    @Test func `neither, or two streams, is refused`() async throws {
        let neither = try await Self.refusal()
        #expect(neither.code == .invalidArgument)
        #expect(neither.publicMessage == "StreamName or StreamARN is required: name the stream by one of them.")
        for operation in [OperationID.describeStream, .listTagsForStream] {
            let two = try await Self.refusal(operation, name: "other", arn: Self.arn)
            #expect(two.code == .invalidArgument)
            #expect(two.publicMessage == "StreamName other and StreamARN \(Self.arn) mean different streams: give one of them.")
        }
    }

    @Test(arguments: [(OperationID.describeStream, ErrorCode.invalidArgument), (.listTagsForStream, .invalidResourceFormat)])
    func `an ARN of another type, region or partition is refused`(_ operation: OperationID, _ code: ErrorCode) async throws {
        for arn in [
            "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/gate/1705489836421",
            "arn:aws:kinesisvideo:eu-west-2:111122223333:stream/gate/1705489836421",
            "arn:aws-cn:kinesisvideo:eu-west-1:111122223333:stream/gate/1705489836421",
        ] {
            let refusal = try await Self.refusal(operation, arn: arn)
            #expect(refusal.code == code)
            #expect(refusal.publicMessage.contains(arn))
        }
    }

    @Test(arguments: [OperationID.describeStream, .listTagsForStream])
    func `an ARN of another account is denied, whatever else is wrong with it`(_ operation: OperationID) async throws {
        for arn in [
            "arn:aws:kinesisvideo:eu-west-1:999988887777:stream/gate/1705489836421",
            "arn:aws:kinesisvideo:eu-west-2:999988887777:stream/gate/1705489836421",
        ] {
            for name in [nil, "gate", "other"] {
                let refusal = try await Self.refusal(operation, name: name, arn: arn)
                #expect(refusal.code == .accessDenied)
                #expect(
                    refusal.publicMessage
                        == "User: arn:aws:iam::111122223333:user/AKIATEST is not authorized to perform: "
                        + "kinesisvideo:\(operation.rawValue) on resource: \(arn)")
            }
        }
    }
}
