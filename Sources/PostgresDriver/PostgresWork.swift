internal import SQL

/// What is sent up to one Sync, which Postgres runs as one transaction: the statements of a batch, or the one of a read.
struct PostgresWork: Sendable {
    /// Decides what a lost connection means: a read is sent again, a write may have been committed.
    enum Purpose: Sendable {
        case read
        case write
    }

    /// One statement, its arguments already in the form libpq takes.
    struct Step: Sendable {
        let statement: StatementText
        let arguments: CStrings
        /// How many steps of the batch it stands for: more than one only of a statement with a text for many.
        let runs: Int
    }

    let purpose: Purpose
    let steps: [Step]
    /// About as many bytes go out for it, apart from statements that have to be prepared first.
    let size: Int
    /// The row that a batch locks first, where batches that lock the same one may share a transaction.
    let firstLock: String?
    /// Whether it was sent before; then it is not sent a third time.
    var isRetry = false

    /// Encodes the arguments. A text with U+0000, which no Postgres text can hold, and more arguments than the protocol has room for are mistakes.
    init(_ purpose: Purpose, _ batch: Batch) throws(DatabaseError) {
        var encoded: [Step] = []
        encoded.reserveCapacity(batch.steps.count)
        var size = 0
        var rest = batch.steps[...]
        while let statement = rest.first?.statement {
            let runs = statement.forMany == nil ? rest.prefix(1) : rest.prefix { $0.statement.name == statement.name }
            rest = rest.dropFirst(runs.count)
            let arguments = try Self.encode(runs)
            size += arguments.size + 4 * arguments.count + statement.name.utf8.count + 40
            encoded.append(Step(statement: statement, arguments: arguments, runs: runs.count))
        }
        self.purpose = purpose
        self.steps = encoded
        self.size = size
        firstLock = batch.firstLock
    }

    /// Several that may share a transaction, as one.
    init(together works: [PostgresWork]) {
        purpose = works.contains { $0.purpose == .write } ? .write : .read
        steps = works.flatMap(\.steps)
        size = works.reduce(0) { $0 + $1.size }
        firstLock = works.first?.firstLock
        isRetry = works.contains(where: \.isRetry)
    }

    /// Whether others of its like may share a transaction with it: reads, and batches that lock the same row first.
    var mayShareTransaction: Bool { purpose == .read || firstLock != nil }

    /// Whether both are reads, or batches that lock the same row first, or batches that lock none first.
    func isLike(_ other: PostgresWork) -> Bool { purpose == other.purpose && firstLock == other.firstLock }

    /// The rows of each step of the batch, from those of each of these steps.
    func rowsOfBatch(_ rows: [[Row]]) -> [[Row]] {
        guard steps.contains(where: { $0.runs > 1 }) else { return rows }
        return zip(steps, rows).flatMap { step, rows in [rows] + Array(repeating: [], count: step.runs - 1) }
    }

    /// The arguments of one run of a statement; arrays of those of all runs where it has a text for many.
    private static func encode(_ runs: ArraySlice<Batch.Step>) throws(DatabaseError) -> CStrings {
        var strings = CStrings()
        guard let first = runs.first else { return strings }
        let (statement, count) = (first.statement, first.arguments.count)
        guard count <= 65_535 else { throw DatabaseError(.mistake, "\(statement.name): \(count) arguments, 65535 at most") }
        guard runs.allSatisfy({ $0.arguments.count == count }) else {
            throw DatabaseError(.mistake, "\(statement.name): not as many arguments in each run")
        }
        for index in 0..<count {
            let argument = statement.forMany == nil ? text(first.arguments[index]) : array(runs.map { $0.arguments[index] })
            guard strings.append(argument) else {
                throw DatabaseError(.mistake, "\(statement.name): argument $\(index + 1) holds U+0000, which Postgres cannot store")
            }
        }
        return strings
    }

    private static func text(_ value: SQLValue) -> String? {
        switch value {
        case .null: nil
        case .integer(let value): String(value)
        case .text(let value): value
        }
    }

    /// An array as Postgres reads it, such as `{1,NULL,"a \\ and a \""}`.
    private static func array(_ values: [SQLValue]) -> String {
        var array = "{"
        for value in values {
            if array.utf8.count > 1 { array += "," }
            switch value {
            case .null: array += "NULL"
            case .integer(let value): array += String(value)
            case .text(let value):
                let isPlain = !value.utf8.contains { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
                array += isPlain ? "\"\(value)\"" : "\"\(value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
            }
        }
        return array + "}"
    }
}

/// How a piece of work ended: the rows of each of its statements, or why there are none.
typealias PostgresOutcome = Result<[[Row]], DatabaseError>
