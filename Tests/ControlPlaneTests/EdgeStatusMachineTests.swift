import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct EdgeStatusMachineTests {
    private typealias Outcome = EdgeStatusMachine.Outcome
    private typealias Event = EdgeStatusMachine.Event

    private static let table: [EdgeStatus: [Event: Outcome]] = [
        .syncing: [
            .updateAccepted: .refused, .deletionAccepted: .refused, .acknowledged: .awaiting(.acknowledged), .succeeded: .refused,
            .failed: .settled(.syncFailed), .timedOut: .settled(.syncFailed),
        ],
        .acknowledged: [
            .updateAccepted: .refused, .deletionAccepted: .refused, .acknowledged: .known, .succeeded: .settled(.inSync),
            .failed: .settled(.syncFailed), .timedOut: .settled(.syncFailed),
        ],
        .inSync: [
            .updateAccepted: .awaiting(.syncing), .deletionAccepted: .awaiting(.deleting), .acknowledged: .refused, .succeeded: .known,
            .failed: .refused, .timedOut: .refused,
        ],
        .syncFailed: [
            .updateAccepted: .awaiting(.syncing), .deletionAccepted: .awaiting(.deleting), .acknowledged: .refused, .succeeded: .refused,
            .failed: .known, .timedOut: .refused,
        ],
        .deleting: [
            .updateAccepted: .refused, .deletionAccepted: .refused, .acknowledged: .awaiting(.deletingAcknowledged), .succeeded: .refused,
            .failed: .settled(.deleteFailed), .timedOut: .settled(.deleteFailed),
        ],
        .deletingAcknowledged: [
            .updateAccepted: .refused, .deletionAccepted: .refused, .acknowledged: .known, .succeeded: .gone,
            .failed: .settled(.deleteFailed), .timedOut: .settled(.deleteFailed),
        ],
        .deleteFailed: [
            .updateAccepted: .awaiting(.syncing), .deletionAccepted: .awaiting(.deleting), .acknowledged: .refused, .succeeded: .refused,
            .failed: .known, .timedOut: .refused,
        ],
    ]

    @Test(arguments: EdgeStatus.allCases, EdgeStatusMachine.Event.allCases)
    func `every event leads where it should from every status`(_ status: EdgeStatus, _ event: EdgeStatusMachine.Event) {
        #expect(EdgeStatusMachine.next(status, event) == Self.table[status]?[event])
    }

    private static let places = Engine.allCases.flatMap { engine in EdgeStatus.allCases.map { (engine, $0) } }

    @Test(arguments: places, EdgeStatusMachine.Event.allCases) func `statements and operations allow what the machine allows`(
        _ place: (Engine, EdgeStatus), _ event: EdgeStatusMachine.Event
    ) async throws {
        let (engine, status) = place
        try await Plane.with(engine) { plane in
            let before = try await plane.edge(status)
            let events = try await plane.store.events(of: Wire.streamARN).count
            // Whatever has a deadline is overdue: only what has one can be failed for it.
            try plane.database.clock.advance(by: Fixture.edgeTimeout)
            let isDone = try await Self.attempt(event, before, plane)
            let after = try await plane.store.edgeConfiguration(.named("gate"))
            let told = try await plane.store.events(of: Wire.streamARN).dropFirst(events).map(\.status)
            switch EdgeStatusMachine.next(status, event) {
            case .awaiting(let next), .settled(let next):
                #expect(isDone)
                #expect(after?.status == next)
                #expect(told == [next.rawValue])
            case .gone:
                #expect(isDone)
                #expect(after == nil)
                #expect(told == ["DELETED"])
            case .known:
                #expect(isDone)
                #expect(after == before)
                #expect(told == [])
            case .refused:
                #expect(!isDone)
                #expect(after == before)
                #expect(told == [])
            }
            // Those under way have a deadline, the others none.
            switch EdgeStatusMachine.next(after?.status ?? .inSync, .timedOut) {
            case .settled:
                #expect(try plane.database.rows("SELECT 1 FROM edge_configuration WHERE deadline IS NOT NULL").count == 1)
            case .awaiting, .gone, .known, .refused:
                #expect(try plane.database.rows("SELECT 1 FROM edge_configuration WHERE deadline IS NOT NULL").isEmpty)
            }
        }
    }

    /// Lets an event happen to the configuration; returns whether it was accepted.
    private static func attempt(_ event: EdgeStatusMachine.Event, _ found: EdgeRecord, _ plane: Plane) async throws -> Bool {
        switch event {
        case .updateAccepted:
            let change = try await plane.store.startEdgeConfigurationUpdate(
                .named("gate"), hubDeviceARN: Fixture.hub, configuration: "{}", revision: Fixture.token(), timeout: 1, .fresh())
            return isAccepted(change)
        case .deletionAccepted:
            let change = try await plane.store.deleteEdgeConfiguration(.named("gate"), revision: Fixture.token(), timeout: 1, .fresh())
            return isAccepted(change)
        case .timedOut: return try await plane.store.failOverdueEdgeConfiguration(found, changeToken: Fixture.token())
        case .acknowledged: return try await isAnswered(.acknowledgeEdgeConfiguration, "", found, plane)
        case .succeeded: return try await isAnswered(.reportEdgeConfigurationResult, #","Result":"SUCCEEDED""#, found, plane)
        case .failed: return try await isAnswered(.reportEdgeConfigurationResult, #","Result":"FAILED""#, found, plane)
        }
    }

    private static func isAccepted(_ change: Store.EdgeChange) -> Bool {
        switch change {
        case .accepted: true
        case .streamNotFound, .refused: false
        }
    }

    private static func isAnswered(_ id: OperationID, _ members: String, _ found: EdgeRecord, _ plane: Plane) async throws -> Bool {
        do {
            _ = try await plane.call(
                id, #"{"HubDeviceArn":"\#(Fixture.hub)","StreamARN":"\#(found.streamARN)","Revision":"\#(found.revision)"\#(members)}"#,
                .agent())
            return true
        } catch let error as OperationError {
            #expect(error.code == .resourceInUse)
            #expect(
                error.publicMessage == "The edge configuration of the stream gate is \(found.status.rawValue), which does not allow this.")
            return false
        }
    }
}
