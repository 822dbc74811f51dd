import Contract
import Store

/// The stream or channel that a call is about.
struct ResourceSubject: CallSubject {
    let key: ResourceKey
    /// As the caller named it.
    let arn: String?

    var resourceName: String? { key.name }

    /// A stream, from a name, an ARN, or both, which must then mean the same one. `wrongForm` is the error for an ARN that is not one of a
    /// stream of the caller's region. An ARN of another account is denied, whether or not there is such a stream.
    init(
        stream name: String?, arn: String?, _ caller: Caller, _ operation: OperationID, wrongForm: ErrorCode = .invalidArgument
    ) throws(OperationError) {
        try self.init(.stream, name: name, arn: arn, caller, operation, wrongForm)
    }

    /// A channel, from a name, an ARN, or both, which must then mean the same one.
    init(channel name: String?, arn: String?, _ caller: Caller, _ operation: OperationID) throws(OperationError) {
        try self.init(.channel, name: name, arn: arn, caller, operation, .invalidArgument)
    }

    /// A stream or a channel, from its ARN.
    init(resource arn: String, _ caller: Caller, _ operation: OperationID) throws(OperationError) {
        key = try Self.key(arn, of: ResourceKind.allCases, member: "ResourceARN", caller, operation, .invalidArgument)
        self.arn = arn
    }

    private init(
        _ kind: ResourceKind, name: String?, arn: String?, _ caller: Caller, _ operation: OperationID, _ wrongForm: ErrorCode
    ) throws(OperationError) {
        let prefix = kind.memberPrefix
        self.arn = arn
        guard let arn else {
            guard let name else {
                throw OperationError(
                    .invalidArgument, "\(prefix)Name or \(prefix)ARN is required: name the \(kind.rawValue) by one of them.")
            }
            key = ResourceKey(kind, account: caller.account, region: caller.region, name: name)
            return
        }
        key = try Self.key(arn, of: [kind], member: "\(prefix)ARN", caller, operation, wrongForm)
        if let name, name != key.name {
            throw OperationError(
                .invalidArgument,
                "\(prefix)Name \(name) and \(prefix)ARN \(arn) mean different \(kind.rawValue)s: give one of them.")
        }
    }

    /// What an ARN means. `member` is what holds it, for messages.
    private static func key(
        _ arn: String, of kinds: [ResourceKind], member: String, _ caller: Caller, _ operation: OperationID, _ wrongForm: ErrorCode
    ) throws(OperationError) -> ResourceKey {
        guard let parts = ResourceARN(arn), let kind = kinds.first(where: { $0.rawValue == parts.type }) else {
            let names = kinds.map { "a \($0.rawValue)" }.joined(separator: " or ")
            throw OperationError(wrongForm, "\(member) \(arn) is not the ARN of \(names).")
        }
        guard parts.account == caller.account else { throw .denied(caller, operation, resource: arn) }
        guard parts.region == caller.region, parts.partition == ResourceARN.partition(of: caller.region) else {
            throw OperationError(
                wrongForm,
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

extension Caller {
    /// The ARN of a new resource of this name, up to its creation time.
    func arnPrefix(_ kind: ResourceKind, name: String) -> String {
        "arn:\(ResourceARN.partition(of: region)):kinesisvideo:\(region):\(account):\(kind.rawValue)/\(name)/"
    }
}
