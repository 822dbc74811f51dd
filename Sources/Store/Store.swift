public import SQL

/// Everything Weir knows, kept in a database: typed reads, and changes that are right however many instances make them at once.
///
/// Threads: a value without state of its own; any task may call it at any time.
public struct Store: Sendable {
    /// What the database could not do.
    public typealias Failure = DatabaseError

    let database: any Database

    /// A store on a database whose schema is the one of this program's migrations.
    public init(_ database: any Database) {
        self.database = database
    }

    /// Writes a batch, again where a conflict kept it from being done: nothing has changed then.
    func write(_ batch: Batch) async throws(DatabaseError) -> BatchResult {
        var attempt = 1
        while true {
            do {
                return try await database.write(batch)
            } catch {
                guard error.kind == .conflict, attempt < 4 else { throw error }
                attempt += 1
            }
        }
    }

    /// Runs a batch whose first rows are those of `guarded`, the statement that decides whether the change is accepted.
    ///
    /// Where the change was refused but the same call had been answered before, the answer is that one: a client that lost the answer to a
    /// call makes it again. Where the connection was lost before the outcome was known, the change's token tells whether it is in; if that
    /// cannot be told either, `outcomeUnknown` is thrown.
    func commit(_ batch: Batch, guarded: Batch.Reference<String>, _ change: Change, _ key: ResourceKey) async throws(DatabaseError)
        -> Outcome
    {
        do {
            let result = try await write(batch)
            if let arn = try result.rows(guarded).first { return .accepted(arn: arn) }
            if let arn = try await answeredBefore(change, key) { return .accepted(arn: arn) }
            return .refused
        } catch {
            switch error.kind {
            case .constraint(let reported):
                guard let constraint = Constraint(reported: reported) else {
                    throw DatabaseError(.mistake, "unknown constraint \(reported)")
                }
                if let arn = try await answeredBefore(change, key) { return .accepted(arn: arn) }
                return .violated(constraint)
            case .outcomeUnknown:
                if let arn = await committed(change, key) { return .accepted(arn: arn) }
                throw error
            case .conflict, .unavailable, .overloaded, .mistake:
                throw error
            }
        }
    }

    private func answeredBefore(_ change: Change, _ key: ResourceKey) async throws(DatabaseError) -> String? {
        guard let call = change.call else { return nil }
        let arn = try await database.read(key.statements.findAnswer, key.arguments + call + [.integer(Self.answerRetention)]).first
        if arn != nil { try await confirm() }
        return arn
    }

    /// The ARN of the resource, if the change is seen to be in, and for good. That it is not seen proves nothing: the server may still be at it.
    private func committed(_ change: Change, _ key: ResourceKey) async -> String? {
        do throws(DatabaseError) {
            let arn = try await database.read(
                key.statements.changed, key.arguments + [.text(change.token)]
            ).first
            if arn != nil { try await confirm() }
            return arn
        } catch {
            return nil
        }
    }

    /// Returns once everything that was seen before is as durable as what was acknowledged. Postgres shows commits that no standby has yet, after
    /// the wait for it was cut short or the server started anew: a failover would lose them. A commit made now is acknowledged after them only.
    private func confirm() async throws(DatabaseError) {
        var batch = Batch()
        batch.add(Self.confirmStatement, [])
        _ = try await database.write(batch)
    }

    /// Changes no row. On Postgres it writes a few bytes to the log, since a commit without any does not wait for a standby.
    static let confirmStatement = Statement<Void>(
        "confirm", "SELECT CAST(1 AS BIGINT) /*postgres FROM pg_logical_emit_message(true, 'weir', '') */")

    /// How a change ended.
    enum Outcome: Sendable {
        case accepted(arn: String)
        /// The guard matched no row.
        case refused
        case violated(Constraint)
    }
}

/// Who changes what, as it is kept with the change.
public struct Change: Sendable {
    /// Fresh and random: names this change and no other.
    public let token: String
    /// The operation, by its name in the API.
    public let operation: String
    /// The access key that signed the call.
    public let keyID: String
    public let requestID: String
    /// Present where the client can repeat the call.
    public let retry: Retry?

    /// What makes two calls the same call, besides key and operation.
    public struct Retry: Sendable {
        public let invocationID: String
        public let bodyHash: String

        public init(invocationID: String, bodyHash: String) {
            self.invocationID = invocationID
            self.bodyHash = bodyHash
        }
    }

    /// What `answered_mutation` knows the call by; nil where the client cannot repeat it.
    var call: [SQLValue]? {
        retry.map { [.text(keyID), .text($0.invocationID), .text(operation), .text($0.bodyHash)] }
    }

    public init(token: String, operation: String, keyID: String, requestID: String, retry: Retry?) {
        self.token = token
        self.operation = operation
        self.keyID = keyID
        self.requestID = requestID
        self.retry = retry
    }
}

/// The constraints by which the database refuses what a client may ask for.
enum Constraint: Sendable {
    case name
    case streamRetention
    case tagLimit
    case mediaStorageStream
    case answeredMutation
    case accessKey
    case deployment
    case user
    case role
    case roleAlias
    case policyLimit
    /// A foreign key, whichever: SQLite does not say.
    case reference

    /// From the name that Postgres reports, or what SQLite reports in its place.
    init?(reported: String) {
        switch reported {
        case "stream_pkey", "stream.account, stream.region, stream.name", "channel_pkey", "channel.account, channel.region, channel.name":
            self = .name
        case "stream_retention": self = .streamRetention
        case "stream_tag_limit", "channel_tag_limit": self = .tagLimit
        case "channel_media_storage_stream", "channel.media_storage_stream_arn": self = .mediaStorageStream
        case "answered_mutation_pkey",
            "answered_mutation.key_id, answered_mutation.invocation_id, answered_mutation.operation, answered_mutation.body_hash":
            self = .answeredMutation
        case "access_key_pkey", "access_key.id": self = .accessKey
        case "deployment_pkey", "deployment.name": self = .deployment
        case "iam_user_pkey", "iam_user.account, iam_user.name": self = .user
        case "iam_role_pkey", "iam_role.account, iam_role.name": self = .role
        case "iam_role_alias_pkey", "iam_role_alias.account, iam_role_alias.name": self = .roleAlias
        case "iam_user_policy_limit", "iam_role_policy_limit": self = .policyLimit
        case "foreign_key", "iam_user_tag_user", "iam_user_policy_user", "iam_user_policy_policy", "access_key_user", "iam_role_tag_role",
            "iam_role_policy_role", "iam_role_policy_policy", "iam_role_alias_role":
            self = .reference
        default: return nil
        }
    }
}
