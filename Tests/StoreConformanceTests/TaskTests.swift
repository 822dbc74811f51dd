import SQL
import Store
import TestSupport
import Testing

/// Claims, leases, and finishing late.
@Suite struct TaskTests {
    @Test(arguments: Engine.allCases) func `tasks are claimed once due, the longest due first, and not twice within a lease`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            #expect(try await store.nextTaskDue() == nil)
            for (name, delay) in [("late", 300), ("soon", 100), ("middle", 200)] {
                _ = try await store.createStream(.named(name), quota: .max, activationDelay: Int64(delay), .fresh("CreateStream"))
            }
            #expect(try await store.nextTaskDue() == 100)
            try database.clock.advance(by: 99)
            #expect(try await store.claimTasks(leaseToken: "l0", lease: 1000, limit: 10).isEmpty)
            try database.clock.advance(by: 501)
            #expect(try await store.nextTaskDue() == -500)
            #expect(try await store.claimTasks(leaseToken: "l1", lease: 1000, limit: 1).map(\.key.name) == ["soon"])
            #expect(try await store.claimTasks(leaseToken: "l2", lease: 2000, limit: 10).map(\.key.name).sorted() == ["late", "middle"])
            #expect(try await store.claimTasks(leaseToken: "l3", lease: 1000, limit: 10).isEmpty)
            #expect(try await store.nextTaskDue() == 1000)
            try database.clock.advance(by: 999)
            #expect(try await store.claimTasks(leaseToken: "l3", lease: 1000, limit: 10).isEmpty)
            try database.clock.advance(by: 1)
            let again = try await store.claimTasks(leaseToken: "l3", lease: 1000, limit: 10)
            #expect(again.map(\.key.name) == ["soon"])
            #expect(again.map(\.attempt) == [2])
        }
    }

    /// As the clock of the machine stood an hour ahead while streams were made and claimed, and was put right.
    @Test(arguments: Engine.allCases) func `what is due later than the longest wait is due now`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let hour: Int64 = 60 * 60 * 1000
            try database.clock.advance(by: hour)
            for (name, delay) in [("waiting", Int64(2000)), ("claimed", 0)] {
                _ = try await store.createStream(.named(name), quota: .max, activationDelay: delay, .fresh("CreateStream"))
            }
            #expect(try await store.claimTasks(leaseToken: "lost", lease: 1000, limit: 10).map(\.key.name) == ["claimed"])
            try database.clock.advance(by: -hour)
            _ = try await store.createStream(.named("sound"), quota: .max, activationDelay: 2000, .fresh("CreateStream"))

            #expect(try await store.rowsAhead(longestWait: 2000).map { [$0.tasks, $0.queues, $0.pauses] } == [2, 0, 0])
            #expect(try await store.claimTasks(leaseToken: "l1", lease: 1000, longestWait: 2 * hour, limit: 10).isEmpty)
            let claimed = try await store.claimTasks(leaseToken: "l2", lease: 1000, longestWait: 2000, limit: 10)
            #expect(claimed.map(\.key.name).sorted() == ["claimed", "waiting"])
            #expect(try await store.rowsAhead(longestWait: 2000)?.isEmpty == true)

            // Freed by an operator, all are due.
            try database.clock.advance(by: -hour)
            try await store.freeRowsAhead(longestWait: 2000)
            #expect(try await store.claimTasks(leaseToken: "l3", lease: 1000, limit: 10).count == 3)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `a claimed task says what it is about and who asked for it`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            let arn = try await store.createResource(key, .fresh()).arn
            let task = try #require(try await store.claimTasks(leaseToken: "l", lease: 1, limit: 1).first)
            #expect(task.kind == .activate(kind))
            #expect(task.key == key)
            #expect(task.resourceARN == arn)
            #expect(task.keyID == "AKIATEST")
            #expect(task.requestID == "request")
            #expect(task.attempt == 1)
        }
    }

    @Test(arguments: Engine.allCases) func `who claims at once gets different tasks`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try Fixture.bulk(300, in: database)
            let claimed = try await atOnce(8) { number in
                try await store.claimTasks(leaseToken: "l\(number)", lease: 1000, limit: 30).map(\.key.name)
            }.flatMap { $0 }
            #expect(claimed.count == 240)
            #expect(Set(claimed).count == 240)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases)
    func `a worker that finishes after its lease changes nothing and tells nothing`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            let arn = try #require(try await store.createResource(key, .fresh("Create")).arn)
            #expect(try await store.claimTasks(leaseToken: "late", lease: 100, limit: 1).count == 1)
            try database.clock.advance(by: 100)
            #expect(try await store.claimTasks(leaseToken: "quick", lease: 100, limit: 1).count == 1)
            // Another has the lease, and has not finished.
            #expect(try await store.activate(kind, leaseToken: "late", changeToken: Fixture.token()) == 0)
            #expect(try await store.state(key)?.status == .creating)
            #expect(try await store.activate(kind, leaseToken: "quick", changeToken: Fixture.token()) == 1)
            // Another has finished.
            #expect(try await store.activate(kind, leaseToken: "late", changeToken: Fixture.token()) == 0)
            #expect(try await store.activate(kind, leaseToken: "quick", changeToken: Fixture.token()) == 0)
            #expect(try await store.history(arn) == ["Create CREATING", "\(kind.statusChangeEvent.rawValue) ACTIVE"])
            #expect(try await store.nextTaskDue() == nil)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `a lease that nobody took over can be finished late`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            let arn = try #require(try await store.createResource(key, .fresh("Create")).arn)
            _ = try await store.claimTasks(leaseToken: "late", lease: 100, limit: 1)
            try database.clock.advance(by: 5000)
            #expect(try await store.activate(kind, leaseToken: "late", changeToken: Fixture.token()) == 1)
            #expect(try await store.history(arn) == ["Create CREATING", "\(kind.statusChangeEvent.rawValue) ACTIVE"])
            #expect(try await store.nextTaskDue() == nil)
        }
    }

    @Test(arguments: Engine.allCases) func `an activation leaves a stream alone that is not CREATING or UPDATING`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for status in ["ACTIVE", "DELETING"] {
                let arn = try await store.create(.named(status))
                try database.execute("UPDATE stream SET status = '\(status)' WHERE name = '\(status)'")
                _ = try await store.claimTasks(leaseToken: status, lease: 100, limit: 1)
                #expect(try await store.activate(.stream, leaseToken: status, changeToken: Fixture.token()) == 0)
                #expect(try await store.stream(.named(status))?.status.rawValue == status)
                #expect(try await store.history(arn).count == 1)
                #expect(try await store.nextTaskDue() == nil)
            }
        }
    }

    @Test(arguments: Engine.allCases) func `an activation ends its own tasks only`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            _ = try await store.createActive("gone")
            _ = try await store.delete(.named("gone"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            _ = try await store.create(.named("mine"))
            let channel = try await store.createChannel(.named("mine"))
            _ = try await store.createStream(.named("other"), quota: .max, activationDelay: 10, .fresh("CreateStream"))
            #expect(try await store.claimTasks(leaseToken: "l", lease: 100, limit: 10).count == 3)
            #expect(try await store.activate(.stream, leaseToken: "l", changeToken: Fixture.token()) == 1)
            #expect(try await store.stream(.named("gone"))?.status == .deleting)
            #expect(try await store.stream(.named("other"))?.status == .creating)
            #expect(try await store.channel(.named("mine", kind: .channel))?.status == .creating)
            #expect(
                try database.rows("SELECT name, kind FROM task ORDER BY name, kind") == [
                    ["gone", "remove-stream"], ["mine", "activate-channel"], ["other", "activate-stream"],
                ])
            #expect(try await store.activate(.channel, leaseToken: "l", changeToken: Fixture.token()) == 1)
            #expect(try await store.history(channel) == ["CreateSignalingChannel CREATING", "ChannelStatusChange ACTIVE"])
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `a removal is done once, whoever finishes late`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            try await store.createActive(.named("stays", kind: kind))
            let gate = try await store.createActive(key, tags: [TagRecord(key: "a", value: "1")])
            _ = try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh("Delete"))
            let late = try #require(try await store.claimTasks(leaseToken: "late", lease: 100, limit: 1).first)
            try database.clock.advance(by: 100)
            let quick = try #require(try await store.claimTasks(leaseToken: "quick", lease: 100, limit: 1).first)
            #expect(try await !store.remove(late, leaseToken: "late", changeToken: Fixture.token()))
            #expect(try await store.tagList(key) == ["a=1"])
            #expect(try await store.remove(quick, leaseToken: "quick", changeToken: Fixture.token()))
            #expect(try await !store.remove(quick, leaseToken: "quick", changeToken: Fixture.token()))
            #expect(try await !store.remove(late, leaseToken: "late", changeToken: Fixture.token()))
            #expect(try await store.nextTaskDue() == nil)
            #expect(try await store.history(gate.arn).suffix(2) == ["Delete DELETING", "\(kind.statusChangeEvent.rawValue) DELETED"])
            #expect(try database.rows("SELECT \(kind)_count FROM account_usage") == [[1]])
        }
    }

    @Test(arguments: Engine.allCases) func `a removal leaves alone what is not DELETING, and the stream that took the name`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            _ = try await store.createActive("gate")
            _ = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            let old = try #require(try await store.claimTasks(leaseToken: "old", lease: 1000, limit: 1).first)
            #expect(try await !store.remove(old, leaseToken: "another", changeToken: Fixture.token()))
            for status in ["CREATING", "ACTIVE", "UPDATING"] {
                try database.execute("UPDATE stream SET status = '\(status)'")
                #expect(try await !store.remove(old, leaseToken: "old", changeToken: Fixture.token()))
                #expect(try await store.stream(.named("gate"))?.status.rawValue == status)
                // A removal that cannot be is over: the task is put back for the next round.
                try database.execute(
                    """
                    INSERT INTO task SELECT '\(old.resourceARN)', 'remove-stream', '\(Fixture.account)', '\(Fixture.region)', 'gate', 'k', 'r', 0, 0, 1, 'old'
                    """)
            }
            try database.execute("UPDATE stream SET status = 'DELETING'")
            #expect(try await store.remove(old, leaseToken: "old", changeToken: Fixture.token()))
            // The same name again, also on its way out: the old task must not take it along.
            let second = try await store.createActive("gate")
            _ = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            #expect(try await store.claimTasks(leaseToken: "old", lease: 1000, limit: 1).count == 1)
            #expect(try await !store.remove(old, leaseToken: "old", changeToken: Fixture.token()))
            // Not even where it is leased: a lease that ends while the removal is under way leaves such a task behind.
            try database.execute(
                """
                INSERT INTO task SELECT '\(old.resourceARN)', 'remove-stream', account, region, name, 'k', 'r', 0, 0, 1, 'old' FROM stream
                """)
            #expect(try await !store.remove(old, leaseToken: "old", changeToken: Fixture.token()))
            #expect(try database.rows("SELECT resource_arn FROM task") == [[.text(second.arn)]])
            #expect(try await store.stream(.named("gate"))?.arn == second.arn)
        }
    }

    /// On Postgres statements of one batch see what others committed between them. Here the lease ends, and another worker claims the task,
    /// while an activation is halfway: it must not come in between.
    @Test func `a task cannot be claimed while it is being finished`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            let arn = try await store.create(.named("gate"))
            _ = try await store.claimTasks(leaseToken: "first", lease: 100, limit: 1)
            // Stops the activation after it has looked for its tasks.
            let blocker = try Blocker(database, "SELECT name FROM stream FOR UPDATE")
            try database.clock.advance(by: 100)
            async let finished = store.activate(.stream, leaseToken: "first", changeToken: Fixture.token())
            try await blocker.blocksOne(in: database)
            let claimed = try await store.claimTasks(leaseToken: "second", lease: 100, limit: 1)
            try blocker.release()
            #expect(claimed.isEmpty)
            #expect(try await finished == 1)
            #expect(try await store.activate(.stream, leaseToken: "second", changeToken: Fixture.token()) == 0)
            #expect(try await store.history(arn) == ["CreateStream CREATING", "StreamStatusChange ACTIVE"])
            #expect(try await store.nextTaskDue() == nil)
        }
    }

    @Test(arguments: Engine.allCases) func `a claim that activates ends what is due, and leases the removals`(_ engine: Engine) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            _ = try await store.createActive("gone")
            _ = try await store.delete(.named("gone"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            let stream = try await store.create(.named("mine"))
            let channel = try await store.createChannel(.named("mine"))
            _ = try await store.createStream(.named("later"), quota: .max, activationDelay: 10, .fresh("CreateStream"))
            let token = Fixture.token()
            let tasks = try await store.claimTasksAndActivate(leaseToken: "l", lease: 100, limit: 10, changeToken: token)
            #expect(Set(tasks.map(\.kind)) == [.remove(.stream), .activate(.stream), .activate(.channel)])
            #expect(try await store.history(stream) == ["CreateStream CREATING", "StreamStatusChange ACTIVE"])
            #expect(try await store.history(channel) == ["CreateSignalingChannel CREATING", "ChannelStatusChange ACTIVE"])
            #expect(try await store.stream(.named("later"))?.status == .creating)
            #expect(
                try database.rows("SELECT name, kind, lease_token FROM task ORDER BY name") == [
                    ["gone", "remove-stream", "l"], ["later", "activate-stream", nil],
                ])
            let removal = try #require(tasks.first { $0.kind == .remove(.stream) })
            #expect(try await store.remove(removal, leaseToken: "l", changeToken: Fixture.token()))
        }
    }

    /// Here another worker claims while the first waits for a stream that somebody holds: it must not take what the first has.
    @Test func `a task cannot be claimed while the claim that has it activates`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            let arn = try await store.create(.named("gate"))
            let blocker = try Blocker(database, "SELECT name FROM stream FOR UPDATE")
            async let first = store.claimTasksAndActivate(leaseToken: "first", lease: 100, limit: 10, changeToken: Fixture.token())
            try await blocker.blocksOne(in: database)
            let second = try await store.claimTasksAndActivate(leaseToken: "second", lease: 100, limit: 10, changeToken: Fixture.token())
            try blocker.release()
            #expect(second.isEmpty)
            #expect(try await first.count == 1)
            #expect(try await store.history(arn) == ["CreateStream CREATING", "StreamStatusChange ACTIVE"])
            #expect(try await store.nextTaskDue() == nil)
        }
    }

    /// Creating locks the account's row and then the name. Whoever locks them the other way round makes a deadlock, which Postgres ends
    /// after a second by failing one of the two.
    @Test(arguments: ResourceKind.allCases) func `a removal waits for its turn in the account before it locks the resource`(
        _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            try await store.createActive(key)
            _ = try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh())
            let task = try #require(try await store.claimTasks(leaseToken: "l", lease: 1000, limit: 1).first)
            let blocker = try Blocker(database, "SELECT account FROM account_usage FOR UPDATE")
            async let removed = store.remove(task, leaseToken: "l", changeToken: Fixture.token())
            try await blocker.blocksOne(in: database)
            #expect(throws: Never.self) { try database.execute("SELECT name FROM \(kind) FOR UPDATE NOWAIT") }
            try blocker.release()
            #expect(try await removed)
        }
    }
}
