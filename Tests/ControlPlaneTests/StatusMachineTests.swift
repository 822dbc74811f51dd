import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct StatusMachineTests {
    private static let table: [StreamStatus: [StatusMachine.Event: StatusMachine.Outcome]] = [
        .creating: [
            .updateAccepted: .refused, .deleteAccepted: .refused, .tagsChanged: .status(.creating), .workFinished: .status(.active),
        ],
        .active: [
            .updateAccepted: .status(.updating), .deleteAccepted: .status(.deleting), .tagsChanged: .status(.active),
            .workFinished: .refused,
        ],
        .updating: [
            .updateAccepted: .refused, .deleteAccepted: .refused, .tagsChanged: .status(.updating), .workFinished: .status(.active),
        ],
        .deleting: [.updateAccepted: .refused, .deleteAccepted: .refused, .tagsChanged: .refused, .workFinished: .gone],
    ]

    @Test(arguments: StreamStatus.allCases, StatusMachine.Event.allCases) func `every event leads where it should from every status`(
        _ status: StreamStatus, _ event: StatusMachine.Event
    ) {
        #expect(StatusMachine.next(status, event) == Self.table[status]?[event])
    }

    private static let cases = Engine.allCases.flatMap { engine in StreamStatus.allCases.map { (engine, $0) } }

    @Test(arguments: cases, StatusMachine.Event.allCases) func `the statements allow what the machine allows`(
        _ place: (Engine, StreamStatus), _ event: StatusMachine.Event
    ) async throws {
        let (engine, status) = place
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let key = StreamKey.named("gate")
            func attempt(_ change: () async throws -> Bool) async throws {
                try database.execute("UPDATE stream SET status = '\(status.rawValue)'")
                let isDone = try await change()
                let found = try await store.stream(key)
                switch StatusMachine.next(status, event) {
                case .status(let next):
                    #expect(isDone)
                    #expect(found?.status == next.rawValue)
                case .gone:
                    #expect(isDone)
                    #expect(found == nil)
                case .refused:
                    #expect(!isDone)
                    #expect(found?.status == status.rawValue)
                }
            }
            func isAccepted(_ change: Store.StreamChange) -> Bool {
                switch change {
                case .accepted: true
                case .notFound, .refused, .retentionOutOfRange, .tooManyTags: false
                }
            }
            switch event {
            case .updateAccepted:
                try await attempt {
                    isAccepted(try await store.updateStream(key, .expecting(stream.version), activationDelay: 0, .fresh()))
                }
            case .deleteAccepted:
                try await attempt { isAccepted(try await store.deleteStream(key, expectedVersion: nil, removalDelay: 0, .fresh())) }
            case .tagsChanged:
                try await attempt { isAccepted(try await store.setTags(key, [TagRecord(key: "a", value: "")], .fresh())) }
                try await attempt { isAccepted(try await store.removeTags(key, keys: ["a"], .fresh())) }
            case .workFinished:
                for kind in TaskKind.allCases {
                    try database.execute(
                        """
                        INSERT INTO task VALUES ('\(stream.arn)', '\(kind.rawValue)', '\(key.account)', '\(key.region)', 'gate', 'k', 'r', 0, 0, 0, NULL)
                        """)
                }
                try await attempt {
                    let tasks = try await store.claimTasks(leaseToken: "l", lease: 1000, limit: 2)
                    var finished = try await store.activateStreams(leaseToken: "l", changeToken: Fixture.token())
                    for task in tasks where task.kind == .removeStream {
                        // What was just activated is not to be removed, so its removal must find nothing to do.
                        if try await store.removeStream(task, leaseToken: "l", changeToken: Fixture.token()) { finished += 1 }
                    }
                    #expect(finished <= 1)
                    return finished == 1
                }
            }
        }
    }
}
