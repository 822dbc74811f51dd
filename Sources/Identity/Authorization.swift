public import Contract
import FoundationEssentials
import Policies
public import Store

/// What a caller must be allowed to do for a call to be made: an action on resources, under conditions on the tags that the request sets.
///
/// Service Authorization Reference, "Actions, resources, and condition keys for Amazon Kinesis Video Streams".
public struct Access: Sendable {
    /// Something that a call works on.
    public enum Resource: Sendable, Hashable {
        /// A stream or channel, by the ARN that the call names it by.
        case arn(String)
        /// A device, by its ARN.
        case thing(String)
        /// A stream or channel of the caller's own account and region, by its name; it need not exist.
        case own(kind: String, name: String)
        /// A stream or channel of the caller's own account and region that is to be made under this name.
        case new(kind: String, name: String)
    }

    public let api: API
    /// The operation's name: the action is `kinesisvideo:` and this.
    public let operation: String
    /// In the order in which the call names them; none where it is about the account as a whole, which is `*`.
    public var resources: [Resource] = []
    /// Tags that the request sets.
    public var tags: [MapEntry<String>] = []
    /// Keys of tags that the request removes.
    public var removedTagKeys: [String] = []
    /// The operation that sets tags on what is there, where this one does it too: who gives tags must be allowed both.
    public var taggingOperation: String?

    public init(_ api: API, _ operation: String) {
        self.api = api
        self.operation = operation
    }
}

/// Decides who may make which call.
///
/// A key of an account calls the control plane and the operations on media, one of a user what the user's policies allow of it, one of a thing the API of its agent, for that
/// thing; and nobody reaches what is of another account.
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct Authorizer: Sendable {
    private let store: Store

    public init(store: Store) { self.store = store }

    /// Refuses a call that its caller may not make with an AccessDeniedException, which does not tell whether a resource exists. The store is asked
    /// only where a policy of the caller asks for tags or the time of creation.
    public func authorize(_ caller: Caller, _ access: Access) async throws(OperationError) {
        try requireReach(of: caller, access)
        guard case .user(let user) = caller.principal.reach else { return }
        // Whose thing it is was looked at above. No policy is about things.
        let resources = access.resources.filter { if case .thing = $0 { false } else { true } }
        let operations = [access.operation] + (access.tags.isEmpty ? [] : access.taggingOperation.map { [$0] } ?? [])
        for operation in operations {
            for resource in resources.isEmpty ? [nil] : resources.map(Optional.some) {
                guard try await allows(user, operation, resource, caller, access) else {
                    throw .denied(caller, operation, resource: resource?.name ?? "*")
                }
            }
        }
    }

    private func allows(
        _ user: User, _ operation: String, _ resource: Access.Resource?, _ caller: Caller, _ access: Access
    ) async throws(OperationError) -> Bool {
        let action = "kinesisvideo:\(operation)"
        let needs = user.policies.needs(of: action)
        var arn = "*"
        var tags: [TagRecord] = []
        switch resource {
        case nil: break
        case .arn(let given), .thing(let given):
            arn = given
            if needs.resourceTags, let key = ResourceKey(ResourceARN(given)) { tags = try await self.tags(of: key) }
        case .own(let kind, let name):
            arn = caller.arnPrefix(kind, name: name) + "*"
            guard needs.resourceTags || needs.creationTime, let kind = ResourceKind(rawValue: kind) else { break }
            var key = ResourceKey(kind, account: caller.account, region: caller.region, name: name)
            if needs.creationTime, let found = try await self.arn(of: key) {
                arn = found
                key = ResourceKey(ResourceARN(found)) ?? key
            }
            if needs.resourceTags { tags = try await self.tags(of: key) }
        case .new(let kind, let name): arn = caller.arnPrefix(kind, name: name) + "*"
        }
        let context = CallContext(caller: caller, user: user, access: access, resourceTags: tags)
        return user.policies.decision(action, on: arn, context).isAllowed
    }

    private func tags(of key: ResourceKey) async throws(OperationError) -> [TagRecord] {
        do throws(Store.Failure) { return try await store.tags(key)?.tags ?? [] } catch { throw OperationError(error) }
    }

    private func arn(of key: ResourceKey) async throws(OperationError) -> String? {
        do throws(Store.Failure) { return try await store.state(key)?.arn } catch { throw OperationError(error) }
    }
}

/// Refuses what a caller may not do whatever policies say.
func requireReach(of caller: Caller, _ access: Access) throws(OperationError) {
    switch (access.api, caller.principal.reach) {
    case (_, .anything), (.controlPlane, .account), (.controlPlane, .user), (.media, .account), (.media, .user), (.archivedMedia, .account),
        (.archivedMedia, .user), (.archivedMedia, .session), (.signaling, .account), (.signaling, .user), (.edgeAgent, .thing):
        break
    case (.controlPlane, .thing), (.media, .thing), (.archivedMedia, .thing), (.signaling, .thing), (.edgeAgent, .account),
        (.edgeAgent, .user), (.controlPlane, .session), (.media, .session), (.signaling, .session), (.edgeAgent, .session):
        throw .denied(caller, access.operation, resource: "*")
    }
    for resource in access.resources {
        switch resource {
        case .own, .new: continue
        case .arn(let arn): if caller.owns(arn) { continue } else { throw .denied(caller, access.operation, resource: arn) }
        case .thing(let arn):
            guard caller.principal.speaksFor(arn), caller.owns(arn) else { throw .denied(caller, access.operation, resource: arn) }
        }
    }
}

/// What policies may ask of a call.
struct CallContext: PolicyContext {
    let caller: Caller
    let user: User
    let access: Access
    let resourceTags: [TagRecord]

    func values(of key: ContextKey) -> [String]? {
        switch key.family {
        case .requestTag: access.tags.filter { $0.key.lowercased().utf8.elementsEqual(key.tag.utf8) }.map(\.value)
        case .resourceTag: resourceTags.filter { $0.key.lowercased().utf8.elementsEqual(key.tag.utf8) }.map(\.value)
        case .principalTag: user.tags.filter { $0.key.lowercased().utf8.elementsEqual(key.tag.utf8) }.map(\.value)
        case .plain: PlainKey(rawValue: key.name).flatMap { plain($0) }
        }
    }

    private func plain(_ key: PlainKey) -> [String]? {
        let circumstances = caller.circumstances
        return switch key {
        case .currentTime: [Date(timeIntervalSince1970: Double(circumstances.time / 1000)).formatted(.iso8601)]
        case .epochTime: [String(circumstances.time / 1000)]
        case .principalAccount: [caller.account]
        case .principalARN: [caller.arn]
        case .requestedRegion: [caller.region]
        case .secureTransport: [String(circumstances.isTLS)]
        case .sourceIP: circumstances.sourceAddress.map { [$0] }
        case .tagKeys: access.tags.map(\.key) + access.removedTagKeys
        case .username: [user.name]
        }
    }
}

/// The keys, besides those of tags, that calls have.
enum PlainKey: String, CaseIterable {
    case currentTime = "aws:currenttime"
    case epochTime = "aws:epochtime"
    case principalAccount = "aws:principalaccount"
    case principalARN = "aws:principalarn"
    case requestedRegion = "aws:requestedregion"
    case secureTransport = "aws:securetransport"
    case sourceIP = "aws:sourceip"
    case tagKeys = "aws:tagkeys"
    case username = "aws:username"
}

extension Access.Resource {
    /// As the call names it.
    fileprivate var name: String {
        switch self {
        case .arn(let arn), .thing(let arn): arn
        case .own(_, let name), .new(_, let name): name
        }
    }
}

extension ResourceKey {
    fileprivate init?(_ arn: ResourceARN?) {
        guard let arn, let kind = ResourceKind(rawValue: arn.type), let creationTime = arn.creationTime else { return nil }
        self.init(kind, account: arn.account, region: arn.region, name: arn.name, creationTime: creationTime)
    }
}

extension Principal {
    fileprivate func speaksFor(_ thingARN: String) -> Bool {
        switch reach {
        case .account, .anything, .user: true
        case .thing(let own): own == thingARN
        case .session: false
        }
    }
}

extension Caller {
    /// The ARN of a resource of this name, up to its creation time.
    public func arnPrefix(_ kind: String, name: String) -> String {
        "arn:\(Partition.of(region)):kinesisvideo:\(region):\(account):\(kind)/\(name)/"
    }

    /// Whether an ARN is of the caller's account.
    fileprivate func owns(_ arn: String) -> Bool {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return parts.count == 6 && parts[4] == account
    }

    /// Who calls, as policies and messages name it. A key that belongs to no user is named by its id.
    fileprivate var arn: String {
        let name =
            switch principal.reach {
            case .user(let user): user.name
            case .account, .anything, .thing, .session: keyID
            }
        return "arn:\(Partition.of(region)):iam::\(account):user/\(name)"
    }
}

extension OperationError {
    fileprivate static func denied(_ caller: Caller, _ operation: String, resource: String) -> OperationError {
        OperationError(
            .accessDenied,
            "User: \(caller.arn) is not authorized to perform: kinesisvideo:\(operation) on resource: \(resource)")
    }
}
