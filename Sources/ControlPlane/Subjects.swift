import Contract
import Identity
import Store

/// What a call is about.
protocol CallSubject: Sendable {
    /// The name of the one resource that it is about, or nil.
    var resourceName: String? { get }
}

/// The caller's account and region as a whole.
struct WholeAccount: CallSubject {
    let resourceName: String? = nil
}

/// The stream or channel that a call is about.
extension ResourceKey: CallSubject {
    var resourceName: String? { name }
}

// Operations whose input says what it names need no word of their own on their subject.

extension Rule where Subject == ResourceKey, Input: NamesStream {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        try call.stream(named: input.streamName, arn: input.streamARN)
    }
}

extension Rule where Subject == ResourceKey, Input: NamesChannel {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        try call.channel(named: input.channelName, arn: input.channelARN)
    }
}

extension Rule where Subject == ResourceKey, Input: NamesChannelByARN {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        try call.channel(arn: input.channelARN)
    }
}

extension Rule where Subject == ResourceKey, Input: NamesResourceByARN {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        try call.resource(arn: input.resourceARN)
    }
}

extension Call {
    /// A stream, from a name, an ARN, or both, which must then mean the same one. The caller must be allowed to reach it.
    mutating func stream(named name: String? = nil, arn: String? = nil) throws(OperationError) -> ResourceKey {
        try resource(.stream, name: name, arn: arn)
    }

    /// A channel, from a name, an ARN, or both, which must then mean the same one. The caller must be allowed to reach it.
    mutating func channel(named name: String? = nil, arn: String? = nil) throws(OperationError) -> ResourceKey {
        try resource(.channel, name: name, arn: arn)
    }

    /// A stream or channel that is to be made. The caller must be allowed to make it, and to tag it where it is given tags.
    mutating func new(_ kind: ResourceKind, named name: String, tags: [MapEntry<String>], taggedBy operation: String) -> ResourceKey {
        access.resources.append(.new(kind: kind.rawValue, name: name))
        access.tags = tags
        access.taggingOperation = operation
        return ResourceKey(kind, account: caller.account, region: caller.region, name: name)
    }

    /// A stream or a channel, from its ARN. The caller must be allowed to reach it.
    mutating func resource(arn: String) throws(OperationError) -> ResourceKey {
        try resource(arn, of: ResourceKind.allCases, member: "ResourceARN")
    }

    private mutating func resource(_ kind: ResourceKind, name: String?, arn: String?) throws(OperationError) -> ResourceKey {
        let prefix = kind.memberPrefix
        guard let arn else {
            guard let name else {
                throw OperationError(
                    .invalidArgument, "\(prefix)Name or \(prefix)ARN is required: name the \(kind.rawValue) by one of them.")
            }
            access.resources.append(.own(kind: kind.rawValue, name: name))
            return ResourceKey(kind, account: caller.account, region: caller.region, name: name)
        }
        let key = try resource(arn, of: [kind], member: "\(prefix)ARN")
        if let name, name != key.name {
            throw OperationError(
                .invalidArgument,
                "\(prefix)Name \(name) and \(prefix)ARN \(arn) mean different \(kind.rawValue)s: give one of them.")
        }
        return key
    }

    /// What an ARN means, which must be of one of these kinds. The caller must be allowed to reach it. `member` is what holds it, for messages.
    private mutating func resource(_ arn: String, of kinds: [ResourceKind], member: String) throws(OperationError) -> ResourceKey {
        guard let parts = ResourceARN(arn), let kind = kinds.first(where: { $0.rawValue == parts.type }) else {
            let names = kinds.map { "a \($0.rawValue)" }.joined(separator: " or ")
            throw OperationError(contract.wrongARN, "\(member) \(arn) is not the ARN of \(names).")
        }
        access.resources.append(.arn(arn))
        guard parts.region == caller.region, parts.partition == Partition.of(caller.region) else {
            throw OperationError(
                contract.wrongARN,
                "\(member) \(arn) is not of the region \(caller.region), which the request was signed for: call the \(kind.rawValue)'s own region."
            )
        }
        // A time that no ARN of ours has matches no resource.
        return ResourceKey(
            kind, account: caller.account, region: caller.region, name: parts.name, creationTime: parts.creationTime ?? -1)
    }
}

extension ResourceKind {
    /// How the members that name it begin: `StreamName`.
    fileprivate var memberPrefix: String {
        switch self {
        case .stream: "Stream"
        case .channel: "Channel"
        }
    }
}
