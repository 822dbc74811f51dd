import Contract
import Identity
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// Who may call what: keys of an account, keys of one thing, and anybody where nobody is asked who they are.
@Suite struct ReachTests {
    private static let otherHub = Fixture.hub + "2"

    /// Why a call is refused before anything is looked up; nil where it is not.
    private static func refusal(_ sample: SampleCall, _ reach: Principal.Reach, _ plane: Plane, body: String? = nil) async throws
        -> OperationError?
    {
        do {
            _ = try await plane.ready(sample.operation, body ?? sample.body, .test(reach: reach))
            return nil
        } catch let error as OperationError {
            return error
        }
    }

    private static func denial(_ operation: OperationID, _ resource: String) -> String {
        "User: arn:aws:iam::\(Fixture.account):user/AKIATEST is not authorized to perform: kinesisvideo:\(operation.rawValue) on resource: "
            + resource
    }

    @Test(arguments: SampleCall.all) func `a key of the account calls the control plane, one of a thing what its agent needs`(
        _ sample: SampleCall
    ) async throws {
        try await Plane.with { plane in
            let (byAccount, byThing) = (
                try await Self.refusal(sample, .account, plane), try await Self.refusal(sample, .thing(Fixture.hub), plane)
            )
            let denied: OperationError?
            switch sample.operation.api {
            case .controlPlane, .media, .archivedMedia, .signaling:
                #expect(byAccount == nil)
                denied = byThing
            case .edgeAgent:
                #expect(byThing == nil)
                denied = byAccount
            }
            #expect(denied?.code == .accessDenied)
            #expect(denied?.publicMessage == Self.denial(sample.operation, "*"))
            #expect(try await Self.refusal(sample, .anything, plane) == nil)
            #expect(plane.callCount == 0)
        }
    }

    @Test(arguments: SampleCall.all.filter { $0.operation.api == .edgeAgent })
    func `a key of a thing speaks for that thing only`(_ sample: SampleCall) async throws {
        try await Plane.with { plane in
            // Also of a thing whose name begins with that of its own.
            for stranger in [Self.otherHub, String(Fixture.hub.dropLast()), Fixture.hub.replacing("eu-west-1", with: "eu-west-2")] {
                let refusal = try await Self.refusal(sample, .thing(stranger), plane)
                #expect(refusal?.code == .accessDenied)
                #expect(refusal?.publicMessage == Self.denial(sample.operation, Fixture.hub))
            }
            #expect(plane.callCount == 0)
        }
    }

    @Test(arguments: SampleCall.all.filter { $0.operation.api == .edgeAgent })
    func `where nobody is asked, a thing is still one of the account and region`(_ sample: SampleCall) async throws {
        try await Plane.with { plane in
            let foreign = Fixture.hub.replacing(Fixture.account, with: "999988887777")
            let denied = try await Self.refusal(sample, .anything, plane, body: sample.body.replacing(Fixture.hub, with: foreign))
            #expect(denied?.code == .accessDenied)
            #expect(denied?.publicMessage == Self.denial(sample.operation, foreign))
            let abroad = Fixture.hub.replacing("eu-west-1", with: "eu-west-2")
            let invalid = try await Self.refusal(sample, .anything, plane, body: sample.body.replacing(Fixture.hub, with: abroad))
            #expect(invalid?.code == .invalidArgument)
            #expect(
                invalid?.publicMessage == "HubDeviceArn \(abroad) is not of the region eu-west-1, which the request was signed for.")
            #expect(try await Self.refusal(sample, .anything, plane, body: sample.body.replacing(Fixture.hub, with: Self.otherHub)) == nil)
        }
    }

    @Test func `a denial does not tell whether there is such a stream`() async throws {
        try await Plane.with { plane in
            let found = try await plane.edge(.syncing)
            let body =
                #"{"HubDeviceArn":"\#(Fixture.hub)","StreamARN":"\#(found.streamARN)","Revision":"\#(found.revision)"}"#
            let there = try await plane.refusal(.acknowledgeEdgeConfiguration, body, .agent(Self.otherHub))
            let absent = try await plane.refusal(
                .acknowledgeEdgeConfiguration, body.replacing("gate", with: "absent"), .agent(Self.otherHub))
            #expect(there.code == .accessDenied && there.publicMessage == absent.publicMessage)
            #expect(plane.callCount == 0)
        }
    }

    @Test(
        arguments: [
            OperationID.startEdgeConfigurationUpdate, .describeEdgeConfiguration, .deleteEdgeConfiguration, .listEdgeAgentConfigurations,
            .fetchEdgeConfigurations, .acknowledgeEdgeConfiguration, .reportEdgeConfigurationResult, .reportEdgeAgentStatus,
        ])
    func `edge operations are not offered in af-south-1`(_ operation: OperationID) async throws {
        try await Plane.with { plane in
            let sample = try #require(SampleCall.all.first { $0.operation == operation })
            let hub = Fixture.hub.replacing(Fixture.region, with: "af-south-1")
            let reach: Principal.Reach =
                switch operation.api {
                case .controlPlane, .media, .archivedMedia, .signaling: .account
                case .edgeAgent: .thing(hub)
                }
            let body = sample.body.replacing(Fixture.region, with: "af-south-1")
            let refusal = try await plane.refusal(operation, body, .test(region: "af-south-1", reach: reach))
            #expect(refusal.code == .accessDenied)
            #expect(refusal.publicMessage == "\(operation.rawValue) is not available in the region af-south-1.")
            #expect(plane.callCount == 0)
        }
    }
}
