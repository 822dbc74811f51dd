import SQL
import Testing

@testable import PostgresDriver

/// The pipeline's books, driven event by event, without a server.
@Suite struct PostgresPipelineTests {
    private static func work(_ purpose: PostgresWork.Purpose, _ names: String..., retry: Bool = false) throws -> PostgresWork {
        var batch = Batch()
        for name in names { batch.add(Statement<Void>(name, "SQL of \(name)"), []) }
        var work = try PostgresWork(purpose, batch)
        work.isRetry = retry
        return work
    }

    private static func failure(_ sqlState: String, fatal: Bool = false, fromServer: Bool = true, constraint: String? = nil)
        -> PostgresFailure
    {
        PostgresFailure(sqlState: sqlState, isFatal: fatal, isFromServer: fromServer, constraint: constraint, message: "text")
    }

    private static func row(_ value: Int64) -> PostgresPipeline.Event { .rows([Row([.integer(value)])]) }

    /// What the actions say, in a form that is easy to compare.
    private static func told(_ actions: [PostgresPipeline.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .again(let owner): "\(owner) again"
            case .finish(let owner, .success(let rows)): "\(owner) \(rows.map { $0.map(\.values) })"
            case .finish(let owner, .failure(let error)): "\(owner) \(error.kind)"
            }
        }
    }

    /// The answers to the events, in order.
    private static func play(_ pipeline: inout PostgresPipeline, _ events: PostgresPipeline.Event...) -> [String] {
        events.flatMap { told(pipeline.receive($0)) }
    }

    /// A pipeline that has prepared and run `names` once.
    private static func warm(_ names: String...) throws -> PostgresPipeline {
        var pipeline = PostgresPipeline(preparesStatements: true)
        for name in names {
            _ = try pipeline.add(work(.read, name), as: 0)
            _ = play(&pipeline, .rows([]), .separator, .rows([]), .separator, .synchronised)
        }
        #expect(pipeline.isDrained && !pipeline.isEnded)
        return pipeline
    }

    @Test func `a statement is prepared with its first use and only then`() throws {
        var pipeline = PostgresPipeline(preparesStatements: true)
        #expect(
            try pipeline.add(Self.work(.write, "a", "b", "a"), as: 7) == [
                .prepare(step: 0), .prepare(step: 1), .execute(step: 0), .execute(step: 1), .execute(step: 2), .sync,
            ])
        #expect(try pipeline.add(Self.work(.read, "b"), as: 8) == [.execute(step: 0), .sync])
        let first = Self.play(
            &pipeline, .rows([]), .separator, .rows([]), .separator, Self.row(1), .separator, Self.row(2), .separator, Self.row(3),
            .separator, .synchronised)
        #expect(first == ["7 [[[SQL.SQLValue.integer(1)]], [[SQL.SQLValue.integer(2)]], [[SQL.SQLValue.integer(3)]]]"])
        #expect(!pipeline.isDrained)
        #expect(Self.play(&pipeline, Self.row(4), .separator, .synchronised) == ["8 [[[SQL.SQLValue.integer(4)]]]"])
        #expect(pipeline.isDrained && !pipeline.isEnded)
    }

    @Test func `without prepared statements nothing is prepared`() throws {
        var pipeline = PostgresPipeline(preparesStatements: false)
        #expect(try pipeline.add(Self.work(.write, "a", "a"), as: 0) == [.execute(step: 0), .execute(step: 1), .sync])
        #expect(Self.play(&pipeline, .failure(Self.failure("26000")), .separator, .aborted, .separator, .synchronised) == ["0 mistake"])
    }

    @Test func `two statements of one name are refused before anything is sent`() throws {
        var pipeline = try Self.warm("a")
        var batch = Batch()
        batch.add(Statement<Void>("a", "another SQL"), [])
        let other = try PostgresWork(.write, batch)
        #expect { try pipeline.add(other, as: 0) } throws: { ($0 as? DatabaseError)?.kind == .mistake }
        #expect(pipeline.isDrained)
        batch.add(Statement<Void>("b", "one"), [])
        var both = Batch()
        both.add(Statement<Void>("b", "one"), [])
        both.add(Statement<Void>("b", "two"), [])
        let twice = try PostgresWork(.write, both)
        #expect { try pipeline.add(twice, as: 0) } throws: { ($0 as? DatabaseError)?.kind == .mistake }
    }

    @Test func `an error in the middle aborts its own work and no other`() throws {
        var pipeline = try Self.warm("a", "b", "c")
        _ = try pipeline.add(Self.work(.write, "a", "b", "c"), as: 0)
        _ = try pipeline.add(Self.work(.write, "a"), as: 1)
        let told = Self.play(
            &pipeline, Self.row(1), .separator, .failure(Self.failure("23505", constraint: "a_pkey")), .separator, .aborted, .separator,
            .synchronised,
            Self.row(2), .separator, .synchronised)
        #expect(told == ["0 constraint(\"a_pkey\")", "1 [[[SQL.SQLValue.integer(2)]]]"])
        #expect(pipeline.isDrained && !pipeline.isEnded)
    }

    @Test func `a statement that could not be prepared is prepared again next time`() throws {
        var pipeline = PostgresPipeline(preparesStatements: true)
        _ = try pipeline.add(Self.work(.read, "a", "b"), as: 0)
        let told = Self.play(
            &pipeline, .failure(Self.failure("42P01")), .separator, .aborted, .separator, .aborted, .separator, .aborted, .separator,
            .synchronised)
        #expect(told == ["0 mistake"])
        #expect(try pipeline.add(Self.work(.read, "b"), as: 1) == [.prepare(step: 0), .execute(step: 0), .sync])
    }

    @Test(arguments: ["26000", "0A000"]) func `a stale plan is thrown away with all others and the work sent once more`(_ sqlState: String)
        throws
    {
        var pipeline = try Self.warm("a", "b")
        _ = try pipeline.add(Self.work(.write, "a", "b"), as: 0)
        let stale = Self.play(&pipeline, .failure(Self.failure(sqlState)), .separator, .aborted, .separator, .synchronised)
        #expect(stale == ["0 again"])
        #expect(!pipeline.isEnded)
        let commands = try pipeline.add(Self.work(.write, "a", "b", retry: true), as: 0)
        #expect(commands == [.deallocateAll, .sync, .prepare(step: 0), .prepare(step: 1), .execute(step: 0), .execute(step: 1), .sync])
        #expect(Self.play(&pipeline, .rows([]), .separator, .synchronised).isEmpty)
        let second = Self.play(
            &pipeline, .rows([]), .separator, .rows([]), .separator, .failure(Self.failure(sqlState)), .separator, .aborted, .separator,
            .synchronised)
        #expect(second == ["0 mistake"])
    }

    @Test func `a refused commit is the work's own error`() throws {
        var pipeline = try Self.warm("a")
        _ = try pipeline.add(Self.work(.write, "a"), as: 0)
        _ = try pipeline.add(Self.work(.write, "a"), as: 1)
        let told = Self.play(
            &pipeline, Self.row(1), .separator, .failure(Self.failure("23503", constraint: "late")), .separator, .synchronised,
            Self.row(1), .separator, .synchronised)
        #expect(told == ["0 constraint(\"late\")", "1 [[[SQL.SQLValue.integer(1)]]]"])
    }

    @Test func `a commit no standby has confirmed is of unknown outcome for writes only`() throws {
        var pipeline = try Self.warm("a")
        _ = try pipeline.add(Self.work(.write, "a"), as: 0)
        _ = try pipeline.add(Self.work(.write, "a"), as: 1)
        _ = try pipeline.add(Self.work(.read, "a"), as: 2)
        let told = Self.play(
            &pipeline, Self.row(1), .notReplicated, .separator, .synchronised, Self.row(2), .separator, .synchronised,
            Self.row(3), .separator, .notReplicated, .synchronised)
        #expect(told == ["0 outcomeUnknown", "1 [[[SQL.SQLValue.integer(2)]]]", "2 [[[SQL.SQLValue.integer(3)]]]"])
    }

    @Test func `rows nobody can read are a mistake and leave the connection usable`() throws {
        var pipeline = try Self.warm("a")
        _ = try pipeline.add(Self.work(.read, "a"), as: 0)
        #expect(Self.play(&pipeline, .unreadable("numeric"), .separator, .synchronised) == ["0 mistake"])
        #expect(pipeline.isDrained && !pipeline.isEnded)
    }

    @Test func `a server that takes no writes is left after its answers`() throws {
        var pipeline = try Self.warm("a")
        _ = try pipeline.add(Self.work(.write, "a"), as: 0)
        _ = try pipeline.add(Self.work(.read, "a"), as: 1)
        #expect(Self.play(&pipeline, .failure(Self.failure("25006")), .separator, .synchronised) == ["0 unavailable"])
        #expect(pipeline.isEnded && !pipeline.isDrained)
        #expect(Self.play(&pipeline, Self.row(1), .separator, .synchronised) == ["1 [[[SQL.SQLValue.integer(1)]]]"])
    }

    /// The events of a write of two statements that succeeds, up to a point.
    private static let successful: [PostgresPipeline.Event] = [row(1), .separator, row(2), .separator]

    @Test(arguments: 0...4) func `a lost connection leaves a write's outcome unknown at every point before its end`(_ point: Int) throws {
        var pipeline = try Self.warm("a", "b")
        _ = try pipeline.add(Self.work(.write, "a", "b"), as: 0)
        _ = try pipeline.add(Self.work(.read, "a"), as: 1)
        _ = try pipeline.add(Self.work(.write, "a"), as: 2)
        _ = try pipeline.add(Self.work(.read, "a", retry: true), as: 3)
        for event in Self.successful.prefix(point) { _ = pipeline.receive(event) }
        #expect(Self.play(&pipeline, .lost("gone")) == ["0 outcomeUnknown", "1 again", "2 outcomeUnknown", "3 unavailable"])
        #expect(pipeline.isDrained && pipeline.isEnded)
        #expect(Self.play(&pipeline, .lost("gone")).isEmpty)
    }

    @Test(arguments: 0...4) func `a server's last word tells that what it had not committed never happened`(_ point: Int) throws {
        var pipeline = try Self.warm("a", "b")
        _ = try pipeline.add(Self.work(.write, "a", "b"), as: 0)
        _ = try pipeline.add(Self.work(.read, "a"), as: 1)
        _ = try pipeline.add(Self.work(.write, "a"), as: 2)
        for event in Self.successful.prefix(point) { _ = pipeline.receive(event) }
        // libpq gives the separator of one result before it reads on.
        if point % 2 == 1 { _ = pipeline.receive(.separator) }
        let told = Self.play(&pipeline, .failure(Self.failure("57P01", fatal: true)))
        // With both answers there, the server may have been at the commit.
        #expect(told == [point < 3 ? "0 unavailable" : "0 outcomeUnknown", "1 again", "2 unavailable"])
        #expect(pipeline.isDrained && pipeline.isEnded)
    }

    @Test(arguments: [true, false]) func `a pooler's word tells nothing, and is taken for its last`(_ fatal: Bool) throws {
        var pipeline = try Self.warm("a")
        _ = try pipeline.add(Self.work(.write, "a"), as: 0)
        _ = try pipeline.add(Self.work(.write, "a"), as: 1)
        let told = Self.play(&pipeline, .failure(Self.failure("08P01", fatal: fatal, fromServer: false)))
        #expect(told == ["0 outcomeUnknown", "1 outcomeUnknown"])
    }

    @Test func `an error that was answered stands when the connection is lost after it`() throws {
        var pipeline = try Self.warm("a", "b")
        _ = try pipeline.add(Self.work(.write, "a", "b"), as: 0)
        let told = Self.play(&pipeline, .failure(Self.failure("40P01")), .separator, .aborted, .lost("gone"))
        #expect(told == ["0 conflict"])
    }

    @Test func `answers out of step end the connection`() throws {
        let wrong: [[PostgresPipeline.Event]] = [
            [.separator], [.synchronised], [.aborted], [Self.row(1), Self.row(2)], [Self.row(1), .synchronised],
            [Self.row(1), .separator, Self.row(2)],
            [Self.row(1), .separator, .separator], [Self.row(1), .failure(Self.failure("40001"))], [.unreadable("x"), .unreadable("y")],
        ]
        for events in wrong {
            var pipeline = try Self.warm("a")
            _ = try pipeline.add(Self.work(.write, "a"), as: 0)
            let told = events.flatMap { Self.told(pipeline.receive($0)) }
            #expect(told == ["0 outcomeUnknown"], "after \(events)")
            #expect(pipeline.isEnded && pipeline.isDrained)
        }
        var idle = try Self.warm("a")
        #expect(Self.play(&idle, Self.row(1)).isEmpty)
        #expect(idle.isEnded)
    }
}
