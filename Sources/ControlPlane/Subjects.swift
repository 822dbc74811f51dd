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
        try access.resource(.stream, name: name, arn: arn, for: caller, wrongARN: contract.wrongARN)
    }

    /// A channel, from a name, an ARN, or both, which must then mean the same one. The caller must be allowed to reach it.
    mutating func channel(named name: String? = nil, arn: String? = nil) throws(OperationError) -> ResourceKey {
        try access.resource(.channel, name: name, arn: arn, for: caller, wrongARN: contract.wrongARN)
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
        try access.resource(arn, of: ResourceKind.allCases, member: "ResourceARN", for: caller, wrongARN: contract.wrongARN)
    }
}
