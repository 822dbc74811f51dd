public import Contract
public import Store

extension Access {
    /// A stream or channel, from a name, an ARN, or both, which must then mean the same one. The caller must be allowed to reach it, which
    /// `authorize` finds out. `wrongARN` is the error for an ARN that names something else.
    public mutating func resource(
        _ kind: ResourceKind, name: String?, arn: String?, for caller: Caller, wrongARN: ErrorCode
    ) throws(OperationError) -> ResourceKey {
        let prefix = kind.memberPrefix
        guard let arn else {
            guard let name else {
                throw OperationError(
                    .invalidArgument, "\(prefix)Name or \(prefix)ARN is required: name the \(kind.rawValue) by one of them.")
            }
            resources.append(.own(kind: kind.rawValue, name: name))
            return ResourceKey(kind, account: caller.account, region: caller.region, name: name)
        }
        let key = try resource(arn, of: [kind], member: "\(prefix)ARN", for: caller, wrongARN: wrongARN)
        if let name, name != key.name {
            throw OperationError(
                .invalidArgument,
                "\(prefix)Name \(name) and \(prefix)ARN \(arn) mean different \(kind.rawValue)s: give one of them.")
        }
        return key
    }

    /// What an ARN means, which must be of one of these kinds. The caller must be allowed to reach it. `member` is what holds it, for messages.
    public mutating func resource(
        _ arn: String, of kinds: [ResourceKind], member: String, for caller: Caller, wrongARN: ErrorCode
    ) throws(OperationError) -> ResourceKey {
        guard let parts = ResourceARN(arn), let kind = kinds.first(where: { $0.rawValue == parts.type }) else {
            let names = kinds.map { "a \($0.rawValue)" }.joined(separator: " or ")
            throw OperationError(wrongARN, "\(member) \(arn) is not the ARN of \(names).")
        }
        resources.append(.arn(arn))
        guard parts.region == caller.region, parts.partition == Partition.of(caller.region) else {
            throw OperationError(
                wrongARN,
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
