public import Contract
import Store

/// What a caller must be allowed to do for a call to be made: an action on resources, under conditions on the tags that the request sets.
///
/// An operation is one action, also where it sets tags on what it makes: those are conditions of the action. Service Authorization Reference,
/// "Actions, resources, and condition keys for Amazon Kinesis Video Streams".
public struct Access: Sendable {
    /// Something that a call works on.
    public enum Resource: Sendable, Hashable {
        /// A stream or channel, by the ARN that the call names it by.
        case arn(String)
        /// A device, by its ARN.
        case thing(String)
        /// A stream or channel of the caller's own account and region, by its name; it need not exist.
        case own(kind: String, name: String)
    }

    public let api: API
    /// The operation's name: the action is `kinesisvideo:` and this.
    public let operation: String
    /// In the order in which the call names them; none where it is about the account as a whole, which is `*`.
    public var resources: [Resource] = []
    /// Tags that the request sets.
    public var tags: [MapEntry<String>] = []

    public init(_ api: API, _ operation: String) {
        self.api = api
        self.operation = operation
    }
}

/// Refuses a call that its caller may not make with an AccessDeniedException, which does not tell whether a resource exists.
///
/// The policy: a key of an account calls the control plane and the operations on media, one of a thing the API of its agent, for that thing; and nobody reaches what is of
/// another account. Tags are conditions of no policy yet.
public func authorize(_ caller: Caller, _ access: Access) throws(OperationError) {
    switch (access.api, caller.principal.reach) {
    case (_, .anything), (.controlPlane, .account), (.media, .account), (.archivedMedia, .account), (.edgeAgent, .thing): break
    case (.controlPlane, .thing), (.media, .thing), (.archivedMedia, .thing), (.edgeAgent, .account):
        throw .denied(caller, access.operation, resource: "*")
    }
    for resource in access.resources {
        switch resource {
        case .own: continue
        case .arn(let arn): if caller.owns(arn) { continue } else { throw .denied(caller, access.operation, resource: arn) }
        case .thing(let arn):
            guard caller.principal.speaksFor(arn), caller.owns(arn) else { throw .denied(caller, access.operation, resource: arn) }
        }
    }
}

extension Principal {
    fileprivate func speaksFor(_ thingARN: String) -> Bool {
        switch reach {
        case .account, .anything: true
        case .thing(let own): own == thingARN
        }
    }
}

extension Caller {
    /// Whether an ARN is of the caller's account.
    fileprivate func owns(_ arn: String) -> Bool {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return parts.count == 6 && parts[4] == account
    }
}

extension OperationError {
    fileprivate static func denied(_ caller: Caller, _ operation: String, resource: String) -> OperationError {
        OperationError(
            .accessDenied,
            "User: arn:\(Partition.of(caller.region)):iam::\(caller.account):user/\(caller.keyID) is not authorized to perform: "
                + "kinesisvideo:\(operation) on resource: \(resource)")
    }
}
