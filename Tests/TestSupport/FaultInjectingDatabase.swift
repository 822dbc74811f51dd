internal import Locking
public import SQL

/// A database in front of another, which fails as a test's script says and counts what it is asked.
///
/// Threads: any task may call any method at any time.
public final class FaultInjectingDatabase: Database {
    /// What goes wrong with one call.
    public enum Fault: Sendable {
        /// Nothing is done and the call fails.
        case failBefore(DatabaseError.Kind)
        /// The call is made; its answer is lost.
        case loseAnswer
        /// Nothing is done, and the caller cannot know that.
        case loseCall
        /// The call is made once the gate is open.
        case hold(Gate)
    }

    /// The message of every error that is injected: nothing that a client may see.
    public static let message = "injected on the host db-7.internal"

    private struct Rule {
        let statement: String?
        let fault: Fault
        var skip: Int
        var times: Int
    }

    private struct State {
        var rules: [Rule] = []
        var reads: [String] = []
        var writes: [[String]] = []
        var conflicts = 0
    }

    private let database: any Database
    private let state = Lock(State())

    /// Passes everything on until a fault is injected.
    public init(_ database: any Database) {
        self.database = database
    }

    /// Lets the next `times` calls fail that run the statement of this name, or the next of any kind where it is nil, after `skipping` calls
    /// of that sort that still work. Of several faults that apply to one call, the one that was injected first takes place.
    public func inject(_ fault: Fault, on statement: String? = nil, skipping: Int = 0, times: Int = 1) {
        state.withLock { $0.rules.append(Rule(statement: statement, fault: fault, skip: skipping, times: times)) }
    }

    /// Takes back the faults that have not taken place, and forgets the calls.
    public func reset() {
        state.withLock { $0 = State() }
    }

    /// Whether every injected fault has taken place.
    public var isSpent: Bool { state.withLock { $0.rules.isEmpty } }

    /// The names of the statements that were read, in order, those that failed included.
    public var reads: [String] { state.withLock { $0.reads } }

    /// The names of the statements of each batch that was written, in order, those that failed included.
    public var writes: [[String]] { state.withLock { $0.writes } }

    /// How many batches the database behind this one has refused because others were in the way, such as for a deadlock.
    public var conflicts: Int { state.withLock { $0.conflicts } }

    /// Reads, unless a fault takes place.
    public func read<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue]) async throws(DatabaseError) -> [Output] {
        state.withLock { $0.reads.append(statement.text.name) }
        switch fault(for: [statement.text.name]) {
        case nil: return try await database.read(statement, arguments)
        case .failBefore(let kind): throw DatabaseError(kind, Self.message)
        // A read has no outcome that could be unknown.
        case .loseAnswer, .loseCall: throw DatabaseError(.unavailable, Self.message)
        case .hold(let gate):
            await gate.pass()
            return try await database.read(statement, arguments)
        }
    }

    /// Writes, unless a fault takes place.
    public func write(_ batch: Batch) async throws(DatabaseError) -> BatchResult {
        let names = batch.steps.map(\.statement.name)
        state.withLock { $0.writes.append(names) }
        switch fault(for: names) {
        case nil: return try await pass(batch)
        case .failBefore(let kind): throw DatabaseError(kind, Self.message)
        case .loseAnswer:
            _ = try await pass(batch)
            throw DatabaseError(.outcomeUnknown, Self.message)
        case .loseCall: throw DatabaseError(.outcomeUnknown, Self.message)
        case .hold(let gate):
            await gate.pass()
            return try await pass(batch)
        }
    }

    private func pass(_ batch: Batch) async throws(DatabaseError) -> BatchResult {
        do throws(DatabaseError) {
            return try await database.write(batch)
        } catch {
            if error.kind == .conflict { state.withLock { $0.conflicts += 1 } }
            throw error
        }
    }

    private func fault(for names: [String]) -> Fault? {
        state.withLock { state in
            for index in state.rules.indices {
                let rule = state.rules[index]
                if let statement = rule.statement, !names.contains(statement) { continue }
                guard rule.skip == 0 else {
                    state.rules[index].skip -= 1
                    continue
                }
                state.rules[index].times -= 1
                if state.rules[index].times == 0 { state.rules.remove(at: index) }
                return rule.fault
            }
            return nil
        }
    }
}
