import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct StatusMachineTests {
    private static let table: [ResourceStatus: [StatusMachine.Event: StatusMachine.Outcome]] = [
        .creating: [
            .updateAccepted: .refused, .deleteAccepted: .refused, .tagsChanged: .status(.creating), .workFinished: .status(.active),
            .configured: .refused,
        ],
        .active: [
            .updateAccepted: .status(.updating), .deleteAccepted: .status(.deleting), .tagsChanged: .status(.active),
            .workFinished: .refused, .configured: .status(.active),
        ],
        .updating: [
            .updateAccepted: .refused, .deleteAccepted: .refused, .tagsChanged: .status(.updating), .workFinished: .status(.active),
            .configured: .refused,
        ],
        .deleting: [
            .updateAccepted: .refused, .deleteAccepted: .refused, .tagsChanged: .refused, .workFinished: .gone, .configured: .refused,
        ],
    ]

    @Test(arguments: ResourceStatus.allCases, StatusMachine.Event.allCases) func `every event leads where it should from every status`(
        _ status: ResourceStatus, _ event: StatusMachine.Event
    ) {
        #expect(StatusMachine.next(status, event) == Self.table[status]?[event])
    }

    private static let cases = Engine.allCases.flatMap { engine in
        ResourceKind.allCases.flatMap { kind in ResourceStatus.allCases.map { (engine, kind, $0) } }
    }

    @Test(arguments: cases, StatusMachine.Event.allCases) func `the statements allow what the machine allows`(
        _ place: (Engine, ResourceKind, ResourceStatus), _ event: StatusMachine.Event
    ) async throws {
        let (engine, kind, status) = place
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let channel = try await store.createActiveChannel("gate")
            let key = ResourceKey.named("gate", kind: kind)
            let found = try #require(try await store.state(key))
            func attempt(_ change: () async throws -> Bool) async throws {
                try database.execute("UPDATE \(kind.rawValue) SET status = '\(status.rawValue)'")
                let isDone = try await change()
                let found = try await store.state(key)
                switch StatusMachine.next(status, event) {
                case .status(let next):
                    #expect(isDone)
                    #expect(found?.status == next)
                case .gone:
                    #expect(isDone)
                    #expect(found == nil)
                case .refused:
                    #expect(!isDone)
                    #expect(found?.status == status)
                }
            }
            func isAccepted(_ change: ResourceChange) -> Bool {
                switch change {
                case .accepted: true
                case .notFound, .refused, .retentionOutOfRange, .tooManyTags, .tooManyDestinations: false
                }
            }
            switch event {
            case .updateAccepted:
                try await attempt {
                    switch kind {
                    case .stream:
                        isAccepted(try await store.updateStream(key, .expecting(found.version), activationDelay: 0, .fresh()))
                    case .channel:
                        isAccepted(try await store.updateChannel(key, .expecting(found.version), activationDelay: 0, .fresh()))
                    }
                }
            case .deleteAccepted:
                try await attempt { isAccepted(try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh())) }
            case .tagsChanged:
                try await attempt { isAccepted(try await store.setTags(key, [TagRecord(key: "a", value: "")], .fresh())) }
                try await attempt { isAccepted(try await store.removeTags(key, keys: ["a"], .fresh())) }
            case .configured:
                switch kind {
                case .stream:
                    try await attempt {
                        isAccepted(try await store.setNotification(key, "{}", destination: nil, needsRetention: true, .fresh()))
                    }
                    try await attempt { isAccepted(try await store.setImageGeneration(key, nil, needsRetention: false, .fresh())) }
                case .channel:
                    try await attempt {
                        let change = try await store.enableMediaStorage(
                            key, stream: .named("gate"), streamARN: stream.arn, .fresh())
                        return if case .accepted = change { true } else { false }
                    }
                    try await attempt { isAccepted(try await store.disableMediaStorage(key, .fresh())) }
                }
            case .workFinished:
                for task in TaskKind.allCases {
                    let arn =
                        if case .activate(.channel) = task { channel.arn } else if case .remove(.channel) = task { channel.arn } else {
                            stream.arn
                        }
                    try database.execute(
                        """
                        INSERT INTO task VALUES ('\(arn)', '\(task.rawValue)', '\(key.account)', '\(key.region)', 'gate', 'k', 'r', 0, 0, 0, NULL)
                        """)
                }
                try await attempt {
                    let tasks = try await store.claimTasks(leaseToken: "l", lease: 1000, limit: 4)
                    var finished = try await store.activate(kind, leaseToken: "l", changeToken: Fixture.token())
                    for task in tasks where task.kind == .remove(kind) {
                        // What was just activated is not to be removed, so its removal must find nothing to do.
                        if try await store.remove(task, leaseToken: "l", changeToken: Fixture.token()) { finished += 1 }
                    }
                    #expect(finished <= 1)
                    return finished == 1
                }
            }
        }
    }
}
