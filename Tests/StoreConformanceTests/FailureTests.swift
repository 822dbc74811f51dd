import Migrations
import SQL
import Store
import TestSupport
import Testing

/// What the store makes of a database that fails.
@Suite struct FailureTests {
    /// What there is before a change: a stream and a channel `gate`, ACTIVE, each with the tag `a`; a stream `edge` whose edge configuration
    /// is IN_SYNC, and a channel `stored` that stores its media there.
    struct Prepared: Sendable {
        let versions: [ResourceKind: String]
        let streamARN: String
        let edge: EdgeRecord
    }

    /// A change, how it ends, and whether it is seen to be in.
    struct Kind: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// The statement that tells whether the change is in after its answer was lost.
        let lookup: String
        var accepted = "accepted"
        /// How the same call ends once the change is in.
        var repeated = "accepted"
        let make: @Sendable (Store, Prepared) async throws(DatabaseError) -> String
        let isIn: @Sendable (Store) async throws -> Bool
    }

    static let kinds = ResourceKind.allCases.flatMap(common) + configurations + mediaStorage + edges

    private static func common(_ kind: ResourceKind) -> [Kind] {
        let gate = ResourceKey.named("gate", kind: kind)
        let new = ResourceKey.named("new", kind: kind)
        let lookup = "\(kind).changed"
        return [
            Kind(testDescription: "creation of a \(kind)", lookup: lookup, accepted: "created", repeated: "created") {
                store, _ throws(DatabaseError) in
                try await store.createResource(new, .fresh("Create", invocation: "i")).word
            } isIn: {
                try await $0.state(new) != nil
            },
            Kind(testDescription: "update of a \(kind)", lookup: lookup) { store, prepared throws(DatabaseError) in
                try await store.update(gate, expecting: prepared.versions[kind] ?? "", .fresh("Update", invocation: "i")).word
            } isIn: {
                try await $0.state(gate)?.status == .updating
            },
            Kind(testDescription: "deletion of a \(kind)", lookup: lookup) { store, _ throws(DatabaseError) in
                try await store.delete(gate, expectedVersion: nil, removalDelay: 0, .fresh("Delete", invocation: "i")).word
            } isIn: {
                try await $0.state(gate)?.status == .deleting
            },
            Kind(testDescription: "tags set on a \(kind)", lookup: lookup) { store, _ throws(DatabaseError) in
                try await store.setTags(gate, [TagRecord(key: "b", value: "")], .fresh("Tag", invocation: "i")).word
            } isIn: {
                try await $0.tagList(gate)?.contains("b=") == true
            },
            Kind(testDescription: "tags removed from a \(kind)", lookup: lookup) { store, _ throws(DatabaseError) in
                try await store.removeTags(gate, keys: ["a"], .fresh("Untag", invocation: "i")).word
            } isIn: {
                try await $0.tagList(gate) == []
            },
        ]
    }

    private static let configurations = [
        Kind(testDescription: "image generation", lookup: "stream.changed") { store, _ throws(DatabaseError) in
            try await store.setImageGeneration(.named("gate"), "{}", needsRetention: true, .fresh("Image", invocation: "i")).word
        } isIn: {
            try await $0.configurations(.named("gate"))?.imageGeneration == "{}"
        },
        Kind(testDescription: "notification", lookup: "stream.changed") { store, _ throws(DatabaseError) in
            try await store.setNotification(
                .named("gate"), "{}", destination: StreamDestination(kind: .webhook, target: "https://there"), needsRetention: true,
                .fresh("Notification", invocation: "i")
            ).word
        } isIn: {
            try await $0.configurations(.named("gate"))?.notification == "{}"
        },
    ]

    private static let mediaStorage = [
        Kind(testDescription: "media storage enabled", lookup: "channel.changed") { store, prepared throws(DatabaseError) in
            try await store.enableMediaStorage(
                .named("gate", kind: .channel), stream: .named("gate"), streamARN: prepared.streamARN,
                .fresh("UpdateMediaStorageConfiguration", invocation: "i")
            ).word
        } isIn: {
            try await $0.channel(.named("gate", kind: .channel))?.mediaStorageStreamARN != nil
        },
        Kind(testDescription: "media storage disabled", lookup: "channel.changed") { store, _ throws(DatabaseError) in
            try await store.disableMediaStorage(
                .named("stored", kind: .channel), .fresh("UpdateMediaStorageConfiguration", invocation: "i")
            ).word
        } isIn: {
            try await $0.channel(.named("stored", kind: .channel))?.mediaStorageStreamARN == nil
        },
    ]

    private static let edges = [
        Kind(testDescription: "edge configuration started", lookup: "stream.changed") { store, _ throws(DatabaseError) in
            try await store.startEdgeConfigurationUpdate(
                .named("gate"), hubDeviceARN: Fixture.hub, configuration: "{}", revision: Fixture.token(), timeout: 1000,
                .fresh("StartEdgeConfigurationUpdate", invocation: "i")
            ).word
        } isIn: {
            try await $0.edgeConfiguration(.named("gate"))?.status == .syncing
        },
        Kind(testDescription: "edge configuration deleted", lookup: "stream.changed") { store, _ throws(DatabaseError) in
            try await store.deleteEdgeConfiguration(
                .named("edge"), revision: Fixture.token(), timeout: 1000, .fresh("DeleteEdgeConfiguration", invocation: "i")
            ).word
        } isIn: {
            try await $0.edgeConfiguration(.named("edge"))?.status == .deleting
        },
        // An agent's word has no kept answer: who repeats it looks at the status first.
        Kind(testDescription: "edge configuration moved", lookup: "stream.changed", accepted: "true", repeated: "false") {
            store, prepared throws(DatabaseError) in
            String(try await store.moveEdgeConfiguration(prepared.edge, .settled(status: .syncFailed, details: "d"), .fresh("Move")))
        } isIn: {
            try await $0.edgeConfiguration(.named("edge"))?.status == .syncFailed
        },
    ]

    private static func prepared(
        _ engine: Engine, _ body: (Store, FaultInjectingDatabase, Prepared) async throws -> Void
    ) async throws {
        try await TestDatabase.with(engine) { database async throws in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let tags = [TagRecord(key: "a", value: "1")]
            var versions: [ResourceKind: String] = [:]
            for kind in ResourceKind.allCases {
                versions[kind] = try await store.createActive(.named("gate", kind: kind), tags: tags).version
            }
            let streamARN = try #require(try await store.stream(.named("gate"))?.arn)
            let edge = try await store.createActive("edge")
            let stored = try await store.createActive(.named("stored", kind: .channel))
            _ = try await store.enableMediaStorage(.named("stored", kind: .channel), stream: .named("edge"), streamARN: edge.arn, .fresh())
            #expect(try await store.mappedChannel(streamARN: edge.arn) == stored.arn)
            try await store.startEdge("edge")
            try database.setEdgeStatus("IN_SYNC")
            let record = try #require(try await store.edgeConfiguration(.named("edge")))
            faults.reset()
            try await body(store, faults, Prepared(versions: versions, streamARN: streamARN, edge: record))
        }
    }

    @Test(arguments: Engine.allCases, kinds) func `a change whose answer was lost is found by its token`(_ engine: Engine, _ kind: Kind)
        async throws
    {
        try await Self.prepared(engine) { store, faults, prepared async throws in
            faults.inject(.loseAnswer)
            #expect(try await kind.make(store, prepared) == kind.accepted)
            #expect(try await kind.isIn(store))
            #expect(faults.writes.filter { $0 != ["confirm"] }.count == 1)
            #expect(faults.isSpent)
        }
    }

    @Test(arguments: Engine.allCases, kinds) func `a change that was lost is not reported as made`(_ engine: Engine, _ kind: Kind)
        async throws
    {
        try await Self.prepared(engine) { store, faults, prepared async throws in
            faults.inject(.loseCall)
            let error = await #expect(throws: DatabaseError.self) { try await kind.make(store, prepared) }
            #expect(error?.kind == .outcomeUnknown)
            #expect(try await !kind.isIn(store))
            #expect(faults.writes.count == 1)
            // The client's own repetition makes it.
            #expect(try await kind.make(store, prepared) == kind.accepted)
            #expect(try await kind.isIn(store))
        }
    }

    @Test(arguments: Engine.allCases, kinds) func `where nothing can be found out, the outcome stays unknown`(
        _ engine: Engine, _ kind: Kind
    ) async throws {
        try await Self.prepared(engine) { store, faults, prepared async throws in
            faults.inject(.loseAnswer)
            faults.inject(.failBefore(.unavailable), on: kind.lookup)
            let error = await #expect(throws: DatabaseError.self) { try await kind.make(store, prepared) }
            #expect(error?.kind == .outcomeUnknown)
            #expect(faults.isSpent)
            // The client's own repetition is told that it is made.
            #expect(try await kind.make(store, prepared) == kind.repeated)
            #expect(try await kind.isIn(store))
        }
    }

    @Test(arguments: kinds) func `a conflict is tried again, up to three times`(_ kind: Kind) async throws {
        try await Self.prepared(.sqlite) { store, faults, prepared async throws in
            faults.inject(.failBefore(.conflict), times: 4)
            let error = await #expect(throws: DatabaseError.self) { try await kind.make(store, prepared) }
            #expect(error?.kind == .conflict)
            #expect(faults.writes.count == 4)
            #expect(try await !kind.isIn(store))
            faults.reset()
            faults.inject(.failBefore(.conflict), times: 3)
            #expect(try await kind.make(store, prepared) == kind.accepted)
            #expect(faults.writes.count == 4)
        }
    }

    @Test(arguments: kinds, [DatabaseError.Kind.unavailable, .overloaded, .mistake, .constraint("never_heard_of")])
    func `any other failure is passed on and not tried again`(_ kind: Kind, _ failure: DatabaseError.Kind) async throws {
        try await Self.prepared(.sqlite) { store, faults, prepared async throws in
            faults.inject(.failBefore(failure))
            let error = await #expect(throws: DatabaseError.self) { try await kind.make(store, prepared) }
            #expect(error?.kind == (failure == .constraint("never_heard_of") ? .mistake : failure))
            #expect(faults.writes.count == 1)
            #expect(try await !kind.isIn(store))
        }
    }

    @Test(arguments: Engine.allCases) func `an edge configuration whose end was lost is found to be gone`(_ engine: Engine) async throws {
        try await Self.prepared(engine) { store, faults, prepared async throws in
            faults.inject(.loseCall)
            await #expect(throws: DatabaseError.self) { try await store.moveEdgeConfiguration(prepared.edge, .gone, .fresh()) }
            #expect(try await store.edgeConfiguration(.named("edge")) == prepared.edge)
        }
        try await TestDatabase.with(engine) { database async throws in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            _ = try await store.createActive("edge")
            let found = try await store.startEdge("edge")
            faults.inject(.loseAnswer)
            // The token is in an event only: the row that held it is gone.
            #expect(try await store.moveEdgeConfiguration(found, .gone, .fresh()))
            #expect(faults.isSpent)
            #expect(try await store.edgeConfiguration(.named("edge")) == nil)
        }
    }

    @Test(arguments: Engine.allCases) func `what an agent says again without harm has no kept answer`(_ engine: Engine) async throws {
        try await Self.prepared(engine) { store, faults, prepared async throws in
            let job = EdgeRecord.JobReport(status: "SUCCESS", details: nil, collectedAt: 5)
            func report() async throws -> Bool {
                try await store.reportEdgeJobs(
                    .named("edge"), streamARN: prepared.edge.streamARN, hubDeviceARN: Fixture.hub, recorder: job, uploader: nil)
            }
            for fault in [FaultInjectingDatabase.Fault.loseCall, .loseAnswer] {
                faults.inject(fault)
                let error = await #expect(throws: DatabaseError.self) { try await report() }
                #expect(error?.kind == .outcomeUnknown)
            }
            #expect(try await report())
            #expect(try await store.edgeConfiguration(.named("edge"))?.recorder?.collectedAt == 5)
            let started = try await store.startEdge("gate")
            faults.inject(.loseAnswer)
            let error = await #expect(throws: DatabaseError.self) { try await store.extendEdgeDeadline(started, timeout: 1) }
            #expect(error?.kind == .outcomeUnknown)
            #expect(try await store.extendEdgeDeadline(started, timeout: 1))
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
