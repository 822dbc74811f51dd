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
        for step in batch.steps {
            let arguments = try Self.encode(step)
            size += arguments.size + 4 * arguments.count + step.statement.name.utf8.count + 40
            encoded.append(Step(statement: step.statement, arguments: arguments))
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

    private static func encode(_ step: Batch.Step) throws(DatabaseError) -> CStrings {
        guard step.arguments.count <= 65_535 else {
            throw DatabaseError(.mistake, "\(step.statement.name): \(step.arguments.count) arguments, 65535 at most")
        }
        var strings = CStrings()
        for (index, argument) in step.arguments.enumerated() {
            let fits =
                switch argument {
                case .null: strings.append(nil)
                case .integer(let value): strings.append(String(value))
                case .text(let value): strings.append(value)
                }
            guard fits else {
                throw DatabaseError(.mistake, "\(step.statement.name): argument $\(index + 1) holds U+0000, which Postgres cannot store")
            }
        }
        return strings
    }
}

/// How a piece of work ended: the rows of each of its statements, or why there are none.
typealias PostgresOutcome = Result<[[Row]], DatabaseError>
