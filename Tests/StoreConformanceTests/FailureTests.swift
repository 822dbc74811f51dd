import Migrations
import SQL
import Store
import TestSupport
import Testing

/// What the store makes of a database that fails.
@Suite struct FailureTests {
    /// A change of the stream `gate`, which is ACTIVE and has the tag `a` unless the change is its creation, and whether it is seen to be in.
    struct Kind: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let isCreation: Bool
        let make: @Sendable (Store, StreamRecord?) async throws(DatabaseError) -> String
        let isIn: @Sendable (Store) async throws -> Bool
    }

    static let kinds = [
        Kind(testDescription: "creation", isCreation: true) { store, _ throws(DatabaseError) in
            try await store.createStream(.named("gate"), quota: .max, activationDelay: 0, .fresh("CreateStream", invocation: "i")).word
        } isIn: {
            try await $0.stream(.named("gate")) != nil
        },
        Kind(testDescription: "update", isCreation: false) { store, stream throws(DatabaseError) in
            try await store.updateStream(
                .named("gate"), .expecting(stream?.version ?? ""), activationDelay: 0, .fresh("UpdateStream", invocation: "i")
            ).word
        } isIn: {
            try await $0.stream(.named("gate"))?.status == "UPDATING"
        },
        Kind(testDescription: "deletion", isCreation: false) { store, _ throws(DatabaseError) in
            try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream", invocation: "i"))
                .word
        } isIn: {
            try await $0.stream(.named("gate"))?.status == "DELETING"
        },
        Kind(testDescription: "tags set", isCreation: false) { store, _ throws(DatabaseError) in
            try await store.setTags(.named("gate"), [TagRecord(key: "b", value: "")], .fresh("TagStream", invocation: "i")).word
        } isIn: {
            try await $0.tagList(.named("gate"))?.contains("b=") == true
        },
        Kind(testDescription: "tags removed", isCreation: false) { store, _ throws(DatabaseError) in
            try await store.removeTags(.named("gate"), keys: ["a"], .fresh("UntagStream", invocation: "i")).word
        } isIn: {
            try await $0.tagList(.named("gate")) == []
        },
    ]

    private static func prepared(
        _ engine: Engine, _ kind: Kind, _ body: (Store, FaultInjectingDatabase, StreamRecord?) async throws -> Void
    ) async throws {
        try await TestDatabase.with(engine) { database async throws in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let stream = kind.isCreation ? nil : try await store.createActive("gate", tags: [TagRecord(key: "a", value: "1")])
            faults.reset()
            try await body(store, faults, stream)
        }
    }

    private static func accepted(_ kind: Kind) -> String { kind.isCreation ? "created" : "accepted" }

    @Test(arguments: Engine.allCases, kinds) func `a change whose answer was lost is found by its token`(_ engine: Engine, _ kind: Kind)
        async throws
    {
        try await Self.prepared(engine, kind) { store, faults, stream async throws in
            faults.inject(.loseAnswer)
            #expect(try await kind.make(store, stream) == Self.accepted(kind))
            #expect(try await kind.isIn(store))
            #expect(faults.writes.filter { $0 != ["confirm"] }.count == 1)
            #expect(faults.isSpent)
        }
    }

    @Test(arguments: Engine.allCases, kinds) func `a change that was lost is not reported as made`(_ engine: Engine, _ kind: Kind)
        async throws
    {
        try await Self.prepared(engine, kind) { store, faults, stream async throws in
            faults.inject(.loseCall)
            let error = await #expect(throws: DatabaseError.self) { try await kind.make(store, stream) }
            #expect(error?.kind == .outcomeUnknown)
            #expect(try await !kind.isIn(store))
            #expect(faults.writes.count == 1)
            // The client's own repetition makes it.
            #expect(try await kind.make(store, stream) == Self.accepted(kind))
            #expect(try await kind.isIn(store))
        }
    }

    @Test(arguments: Engine.allCases, kinds) func `where nothing can be found out, the outcome stays unknown`(
        _ engine: Engine, _ kind: Kind
    ) async throws {
        try await Self.prepared(engine, kind) { store, faults, stream async throws in
            faults.inject(.loseAnswer)
            faults.inject(.failBefore(.unavailable), on: "stream.changed")
            let error = await #expect(throws: DatabaseError.self) { try await kind.make(store, stream) }
            #expect(error?.kind == .outcomeUnknown)
            // The client's own repetition is told that it is made.
            #expect(try await kind.make(store, stream) == Self.accepted(kind))
            #expect(try await kind.isIn(store))
        }
    }

    @Test(arguments: kinds) func `a conflict is tried again, up to three times`(_ kind: Kind) async throws {
        try await Self.prepared(.sqlite, kind) { store, faults, stream async throws in
            faults.inject(.failBefore(.conflict), times: 3)
            #expect(try await kind.make(store, stream) == Self.accepted(kind))
            #expect(faults.writes.count == 4)
        }
        try await Self.prepared(.sqlite, kind) { store, faults, stream async throws in
            faults.inject(.failBefore(.conflict), times: 4)
            let error = await #expect(throws: DatabaseError.self) { try await kind.make(store, stream) }
            #expect(error?.kind == .conflict)
            #expect(faults.writes.count == 4)
            #expect(try await !kind.isIn(store))
        }
    }

    @Test(arguments: kinds, [DatabaseError.Kind.unavailable, .overloaded, .mistake, .constraint("never_heard_of")])
    func `any other failure is passed on and not tried again`(_ kind: Kind, _ failure: DatabaseError.Kind) async throws {
        try await Self.prepared(.sqlite, kind) { store, faults, stream async throws in
            faults.inject(.failBefore(failure))
            let error = await #expect(throws: DatabaseError.self) { try await kind.make(store, stream) }
            #expect(error?.kind == (failure == .constraint("never_heard_of") ? .mistake : failure))
            #expect(faults.writes.count == 1)
            #expect(try await !kind.isIn(store))
        }
    }

    @Test(arguments: Engine.allCases) func `the schema is told, and a database that does not answer tells none`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database async throws in
            let faults = FaultInjectingDatabase(database.database)
            let schema = try await Store(faults).schema()
            #expect(schema?.version == Migration.all.last?.version)
            #expect(schema?.oldestCompatible == Migration.all.last?.oldestCompatible)
            faults.inject(.failBefore(.unavailable))
            await #expect(throws: DatabaseError.self) { _ = try await Store(faults).schema() }
        }
    }
}
