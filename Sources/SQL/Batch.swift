/// Statements that take effect together or not at all, in their order, as one transaction.
///
/// Each statement sees what those before it did (Postgres runs them at READ COMMITTED, each with a snapshot of its own).
/// There is no other transaction in Weir and none stays open while application code runs: a condition is a guard in the
/// first statement's WHERE, on which the later ones depend through the row it changed, or a constraint that aborts the batch.
public struct Batch: Sendable {
    /// One statement of a batch with its arguments.
    public struct Step: Sendable {
        public let statement: StatementText
        public let arguments: [SQLValue]
        /// An earlier step, by its number. Where that changed no row this one does nothing and returns nothing, so an engine may leave it out.
        public let cause: Int?
    }

    /// Where in the result the rows of a statement are.
    public struct Reference<Output: Sendable>: Sendable {
        let index: Int
        let decode: @Sendable (inout Row) throws(DatabaseError) -> Output
    }

    /// The statements, in the order in which they run.
    public private(set) var steps: [Step] = []

    /// Names the row that the batch locks before anything else, where every other row that it locks is its own: it makes them. Batches with the
    /// same name, which would wait for each other anyway, may then share a transaction. Each still is all or nothing by itself.
    public let firstLock: String?

    /// An empty batch.
    public init(firstLock: String? = nil) {
        self.firstLock = firstLock
    }

    /// Appends a statement; the answer finds its rows in the result. Of a run of one that has a text for many, Postgres gives the rows of all to the
    /// first: whoever reads them reads those of all.
    @discardableResult
    public mutating func add<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue]) -> Reference<Output> {
        append(statement, arguments, cause: nil)
    }

    /// Appends a statement that does nothing and returns nothing unless `cause`, which changes rows, has changed one.
    @discardableResult
    public mutating func add<Output, Changed>(
        _ statement: Statement<Output>, _ arguments: [SQLValue], after cause: Reference<Changed>
    ) -> Reference<Output> {
        append(statement, arguments, cause: cause.index)
    }

    private mutating func append<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue], cause: Int?) -> Reference<Output> {
        steps.append(Step(statement: statement.text, arguments: arguments, cause: cause))
        return Reference(index: steps.count - 1, decode: statement.decode)
    }
}

/// What a committed batch answered: the rows of each of its statements.
public struct BatchResult: Sendable {
    private let rows: [[Row]]

    /// One element for each step of the batch, in its order.
    public init(rows: [[Row]]) {
        self.rows = rows
    }

    /// The rows of one statement.
    public func rows<Output>(_ reference: Batch.Reference<Output>) throws(DatabaseError) -> [Output] {
        var outputs: [Output] = []
        outputs.reserveCapacity(rows[reference.index].count)
        for row in rows[reference.index] {
            var row = row
            outputs.append(try reference.decode(&row))
        }
        return outputs
    }
}
