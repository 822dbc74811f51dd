/// Why a database did not do as it was asked, by what the caller may conclude from it.
///
/// The message is for operators: it may name statements and hosts, never arguments, and is never shown to a client.
public struct DatabaseError: Error, Sendable, CustomStringConvertible {
    /// What is known about the effect, which is what decides the caller's next step.
    public enum Kind: Sendable, Hashable {
        /// A constraint refused the batch and nothing was changed. Postgres names it (`stream_pkey`); SQLite does so only for
        /// CHECK and otherwise names the columns (`stream.account, stream.region, stream.name`).
        case constraint(String)
        /// Nothing was changed: a deadlock, a serialisation failure or a lock that took too long. The same batch may be tried again.
        case conflict
        /// Nothing was changed: the database cannot be reached, did not take the request before its deadline, or cut a statement off that took
        /// too long.
        case unavailable
        /// Nothing was changed: as many requests as may wait are waiting.
        case overloaded
        /// The connection was lost after a batch was sent and before its outcome was known: it may have been committed. Or it was
        /// committed where only the primary has it.
        case outcomeUnknown
        /// The statement is wrong, or the schema is not the one it was written for: a defect, not a condition.
        case mistake
    }

    public let kind: Kind
    /// For operators.
    public let message: String

    /// An error of a kind, with its explanation for operators.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { "\(kind): \(message)" }
}
