import Contract
import TestSupport
import Testing

@testable import Identity

/// The policy: which key reaches what.
@Suite struct AuthorizationTests {
    private static let hub = "arn:aws:iot:eu-west-1:111122223333:thing/hub"
    private static let stream = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/gate/1705489836421"
    private static let agents: OperationID = .fetchEdgeConfigurations

    private static func caller(_ reach: Principal.Reach, region: String = "eu-west-1") -> Caller {
        Caller(
            principal: Principal(account: "111122223333", keyID: "AKIATEST", reach: reach), region: region, requestID: "r", invocation: nil,
            origin: nil)
    }

    /// What a denial names; nil where the call is allowed.
    private static func denied(
        _ reach: Principal.Reach, _ operation: OperationID, _ resources: [Access.Resource], region: String = "eu-west-1"
    ) -> String? {
        var access = Access(operation.api, operation.rawValue)
        access.resources = resources
        access.tags = [MapEntry(key: "k", value: "v")]
        do throws(OperationError) {
            try requireReach(of: caller(reach, region: region), access)
            return nil
        } catch {
            #expect(error.code == .accessDenied)
            return error.publicMessage
        }
    }

    private static func message(_ operation: OperationID, _ resource: String, partition: String = "aws") -> String {
        "User: arn:\(partition):iam::111122223333:user/AKIATEST is not authorized to perform: kinesisvideo:\(operation.rawValue) on resource: "
            + resource
    }

    @Test func `each key has an API`() {
        for resources in [[], [Access.Resource.arn(Self.stream)], [.own(kind: "stream", name: "gate")], [.thing(Self.hub)]] {
            #expect(Self.denied(.account, .describeStream, resources) == nil)
            #expect(Self.denied(.anything, .describeStream, resources) == nil)
            #expect(Self.denied(.thing(Self.hub), .describeStream, resources) == Self.message(.describeStream, "*"))
            #expect(Self.denied(.thing(Self.hub), Self.agents, resources) == nil)
            #expect(Self.denied(.anything, Self.agents, resources) == nil)
            #expect(Self.denied(.account, Self.agents, resources) == Self.message(Self.agents, "*"))
        }
    }

    @Test(arguments: [
        "arn:aws:kinesisvideo:eu-west-1:999988887777:stream/gate/1705489836421", "arn:aws:kinesisvideo:eu-west-1::stream/gate/1",
        "arn:aws:kinesisvideo:eu-west-1:1111222233334:stream/gate/1", "arn:aws:kinesisvideo:111122223333",
        "arn:aws:kinesisvideo:eu-west-1:111122223333", "",
    ])
    func `nobody reaches another account`(_ foreign: String) {
        for (reach, operation) in [
            (Principal.Reach.account, OperationID.describeStream), (.anything, .describeStream), (.anything, Self.agents),
        ] {
            for resource in [Access.Resource.arn(foreign), .thing(foreign)] {
                #expect(Self.denied(reach, operation, [resource]) == Self.message(operation, foreign))
                // The first that is denied is told.
                #expect(Self.denied(reach, operation, [.arn(Self.stream), resource, .arn("other")]) == Self.message(operation, foreign))
            }
        }
        #expect(Self.denied(.thing(foreign), Self.agents, [.thing(foreign)]) == Self.message(Self.agents, foreign))
        #expect(Self.denied(.thing(Self.hub), Self.agents, [.thing(Self.hub), .arn(foreign)]) == Self.message(Self.agents, foreign))
    }

    @Test func `a thing speaks for itself only`() {
        for other in [Self.hub + "2", String(Self.hub.dropLast()), Self.hub.replacing("eu-west-1", with: "eu-west-2")] {
            #expect(Self.denied(.thing(other), Self.agents, [.thing(Self.hub)]) == Self.message(Self.agents, Self.hub))
        }
    }

    @Test func `a denial is of the region's partition`() {
        #expect(
            Self.denied(.account, Self.agents, [], region: "cn-north-1") == Self.message(Self.agents, "*", partition: "aws-cn"))
    }
}
