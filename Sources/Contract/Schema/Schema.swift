/// What a shape says about itself: enough to write the OpenAPI document and to make test cases from.
public struct Schema: Sendable {
    /// What kind of JSON value it is.
    public indirect enum Kind: Sendable {
        case string
        case boolean
        /// 32 bits on the wire.
        case integer
        /// 64 bits on the wire.
        case long
        /// Seconds since the epoch, with a fraction of milliseconds.
        case timestamp
        case list(Schema)
        case map(key: Schema, value: Schema)
        case structure(name: String, members: [Member])
    }

    /// Where a request or an answer has a member.
    public enum Place: Sendable, Hashable {
        case body
        /// A header of this name.
        case header(String)
        /// A parameter of the query, of exactly this name.
        case query(String)
    }

    /// A member of a structure.
    public struct Member: Sendable {
        /// As in the body, and in violations wherever the member is.
        public let name: String
        public let isRequired: Bool
        public let schema: Schema
        /// For people, in our own words.
        public let documentation: String
        public var place = Place.body
    }

    /// The members of a structure; empty for any other kind.
    public var members: [Member] {
        guard case .structure(_, let members) = kind else { return [] }
        return members
    }

    public let kind: Kind
    public let constraints: [Constraint]
    /// Whether the value may be told to nobody but the caller that is answered: no message repeats it.
    public let isSensitive: Bool

    init(_ kind: Kind, _ constraints: [Constraint] = [], isSensitive: Bool = false) {
        self.kind = kind
        self.constraints = constraints
        self.isSensitive = isSensitive
    }
}
