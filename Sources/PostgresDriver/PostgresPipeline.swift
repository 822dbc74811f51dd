internal import SQL

/// The books of one connection in pipeline mode: what has to be sent for a piece of work, and whose each arriving result is.
///
/// A value without I/O: it is told what happened and returns what to do. libpq reports, for everything sent, in order, one
/// result and one separator (NULL), then for the Sync that ends a piece of work one result without a separator. After an
/// error, the rest up to the Sync is reported as aborted.
struct PostgresPipeline {
    /// What has to be sent.
    enum Command: Hashable {
        /// Limit the transaction: behind a pooler, where the session keeps nothing.
        case limit
        /// Forget every prepared statement: the server's and our view of them differ.
        case deallocateAll
        /// Prepare the statement of this step under its name.
        case prepare(step: Int)
        /// Run this step: by name where statements are prepared, else with its text.
        case execute(step: Int)
        /// End the transaction and answer.
        case sync
    }

    /// What happened on the connection.
    enum Event {
        case rows([Row])
        /// Rows came, but of a type that is neither an integer nor text. The statement did take effect.
        case unreadable(String)
        case failure(PostgresFailure)
        case aborted
        case separator
        case synchronised
        /// The server gave up waiting for a standby: the commit is local, and a failover would lose it.
        case notReplicated
        case lost(String)
    }

    /// What to do about it. The number is the one the work was added with.
    enum Action {
        case finish(Int, PostgresOutcome)
        /// Send it again, marked as a retry: nothing of it has taken effect, or it changes nothing.
        case again(Int)
    }

    private struct Entry {
        /// Nil for the pipeline's own `DEALLOCATE ALL`.
        let owner: Int?
        let purpose: PostgresWork.Purpose
        let isRetry: Bool
        /// The names of what was sent, in order: `preparations` limits and statements to prepare, then those to run.
        let names: [String]
        let preparations: Int
        var answered = 0
        var awaitsSeparator = false
        var rows: [[Row]] = []
        var failure: PostgresFailure?
        var failedName: String?
        var unreadable: String?
        var isReplicated = true

        var awaitsSync: Bool { answered == names.count }
    }

    let preparesStatements: Bool
    private let limitsTransactions: Bool
    private var entries: [Entry] = []
    private var head = 0
    /// What the server knows by name, with the text it was prepared from.
    private var prepared: [String: String] = [:]
    private var mustDeallocate = false
    /// Why the connection is of no further use: once drained, it has to be replaced.
    private(set) var end: String?

    /// A fresh connection's pipeline. Without prepared statements every statement travels with its text.
    init(preparesStatements: Bool, limitsTransactions: Bool = false) {
        self.preparesStatements = preparesStatements
        self.limitsTransactions = limitsTransactions
    }

    /// The connection is of no further use.
    var isEnded: Bool { end != nil }

    /// Nothing more is expected from the server.
    var isDrained: Bool { head == entries.count }

    /// Enters a piece of work under a number and returns what has to be sent for it.
    mutating func add(_ work: PostgresWork, as owner: Int) throws(DatabaseError) -> [Command] {
        if isDrained {
            entries.removeAll(keepingCapacity: true)
            head = 0
        }
        var commands: [Command] = []
        commands.reserveCapacity(work.steps.count + 1)
        if mustDeallocate {
            mustDeallocate = false
            entries.append(Entry(owner: nil, purpose: .read, isRetry: true, names: ["DEALLOCATE ALL"], preparations: 0))
            commands += [.deallocateAll, .sync]
        }
        let missing = try unprepared(work.steps)
        for step in missing { prepared[work.steps[step].statement.name] = work.steps[step].statement.sql }
        let limits = limitsTransactions ? ["limits of the transaction"] : []
        commands += limits.map { _ in .limit }
        commands += missing.map { .prepare(step: $0) }
        commands += work.steps.indices.map { .execute(step: $0) }
        commands.append(.sync)
        let names = limits + missing.map { work.steps[$0].statement.name } + work.steps.map(\.statement.name)
        entries.append(
            Entry(
                owner: owner, purpose: work.purpose, isRetry: work.isRetry, names: names, preparations: limits.count + missing.count))
        return commands
    }

    // The steps whose statements have to be prepared first. All are prepared before the first one runs, so that an error in
    // one that runs does not skip the preparation that later work in the same pipeline relies on.
    private func unprepared(_ steps: [PostgresWork.Step]) throws(DatabaseError) -> [Int] {
        guard preparesStatements else { return [] }
        var missing: [Int] = []
        for (index, step) in steps.enumerated() {
            let known =
                prepared[step.statement.name]
                ?? missing.first { steps[$0].statement.name == step.statement.name }.map { steps[$0].statement.sql }
            guard let known else {
                missing.append(index)
                continue
            }
            guard known == step.statement.sql else { throw DatabaseError(.mistake, "two statements share the name \(step.statement.name)") }
        }
        return missing
    }

    /// Takes note of what happened and returns what to do about it.
    mutating func receive(_ event: Event) -> [Action] {
        guard !isDrained else { return lose("the server answered what nobody asked") }
        switch event {
        case .rows(let rows):
            guard !entries[head].awaitsSync, !entries[head].awaitsSeparator else { return outOfStep() }
            if entries[head].answered >= entries[head].preparations { entries[head].rows.append(rows) }
            answer()
        case .unreadable(let reason):
            guard !entries[head].awaitsSync, !entries[head].awaitsSeparator else { return outOfStep() }
            entries[head].unreadable = "\(entries[head].names[entries[head].answered]): \(reason)"
            answer()
        case .failure(let failure):
            return fail(failure)
        case .aborted:
            guard entries[head].failure != nil, !entries[head].awaitsSync, !entries[head].awaitsSeparator else { return outOfStep() }
            forgetPreparation()
            answer()
        case .separator:
            guard entries[head].awaitsSeparator else { return outOfStep() }
            entries[head].awaitsSeparator = false
        case .synchronised:
            guard entries[head].awaitsSync, !entries[head].awaitsSeparator else { return outOfStep() }
            head += 1
            return conclude(entries[head - 1])
        case .notReplicated:
            entries[head].isReplicated = false
        case .lost(let reason):
            return lose(reason)
        }
        return []
    }

    private mutating func answer() {
        entries[head].answered += 1
        entries[head].awaitsSeparator = true
    }

    // What failed or was skipped while it was being prepared is not known to the server.
    private mutating func forgetPreparation() {
        guard entries[head].answered < entries[head].preparations else { return }
        prepared[entries[head].names[entries[head].answered]] = nil
    }

    private mutating func fail(_ failure: PostgresFailure) -> [Action] {
        guard !entries[head].awaitsSeparator else { return outOfStep() }
        if failure.isFatal || !failure.isFromServer { return end(failure) }
        entries[head].failure = failure
        if entries[head].awaitsSync {
            // The commit itself was refused, by a deferred constraint for example.
            entries[head].awaitsSeparator = true
            return []
        }
        entries[head].failedName = entries[head].names[entries[head].answered]
        forgetPreparation()
        answer()
        return []
    }

    // The session ends with this error, or a pooler raised it, after which nothing is certain. What the server had not begun never happened, and
    // what it was busy with was rolled back, unless it was the commit. A pooler's word, though, says nothing about the server.
    private mutating func end(_ failure: PostgresFailure) -> [Action] {
        guard failure.isFromServer else { return lose(failure.description) }
        if !entries[head].awaitsSync && entries[head].failure == nil {
            entries[head].failure = failure
            entries[head].failedName = entries[head].names[entries[head].answered]
        }
        return lose(failure.description, onlyHeadBegun: true)
    }

    private mutating func outOfStep() -> [Action] {
        lose("the server's answers are out of step")
    }

    private mutating func lose(_ reason: String, onlyHeadBegun: Bool = false) -> [Action] {
        end = end ?? reason
        prepared = [:]
        defer { head = entries.count }
        return entries.indices[head...].compactMap { index in
            let entry = entries[index]
            guard let owner = entry.owner else { return nil }
            switch entry.purpose {
            case .read where !entry.isRetry:
                return .again(owner)
            case .read:
                return .finish(owner, .failure(DatabaseError(.unavailable, "the connection was lost twice: \(reason)")))
            case .write:
                // An error that was answered has rolled the batch back already.
                if let failure = entry.failure { return resolve(failure, of: entry, owner) }
                if onlyHeadBegun && index > head {
                    return .finish(
                        owner, .failure(DatabaseError(.unavailable, "the connection was lost before the batch began: \(reason)")))
                }
                return .finish(owner, .failure(DatabaseError(.outcomeUnknown, "the connection was lost after a batch was sent: \(reason)")))
            }
        }
    }

    private mutating func conclude(_ entry: Entry) -> [Action] {
        guard let owner = entry.owner else {
            end = end ?? entry.failure?.description
            return []
        }
        if let failure = entry.failure {
            if failure.isStalePlan && preparesStatements {
                prepared = [:]
                mustDeallocate = true
            }
            if failure.isReadOnlyServer { end = end ?? failure.description }
            return [resolve(failure, of: entry, owner)]
        }
        if !entry.isReplicated && entry.purpose == .write {
            return [
                .finish(
                    owner, .failure(DatabaseError(.outcomeUnknown, "committed, but the wait for a standby to confirm it was cancelled")))
            ]
        }
        if let unreadable = entry.unreadable { return [.finish(owner, .failure(DatabaseError(.mistake, unreadable)))] }
        return [.finish(owner, .success(entry.rows))]
    }

    private func resolve(_ failure: PostgresFailure, of entry: Entry, _ owner: Int) -> Action {
        if failure.isStalePlan && preparesStatements && !entry.isRetry { return .again(owner) }
        return .finish(owner, .failure(failure.error(in: entry.failedName)))
    }
}
