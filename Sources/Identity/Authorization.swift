public import Contract
import Crypto
import FoundationEssentials
import Policies
import SQL
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
        /// A role, by its ARN, of whatever account.
        case role(String)

        var isRole: Bool { if case .role = self { true } else { false } }
    }

    /// Whose operations there are.
    public enum Service: Sendable, Hashable {
        /// Video, by the API that the operation belongs to.
        case video(API)
        /// Temporary credentials.
        case tokens
    }

    public let service: Service
    /// The operation's name: the action is this after the service's.
    public let operation: String
    /// In the order in which the call names them; none where it is about the account as a whole, which is `*`.
    public var resources: [Resource] = []
    /// Tags that the request sets.
    public var tags: [MapEntry<String>] = []
    /// Keys of tags that the request removes.
    public var removedTagKeys: [String] = []
    /// The operation that sets tags on what is there, where this one does it too: who gives tags must be allowed both.
    public var taggingOperation: String?
    /// What else policies may ask of the request, by keys in lower case, such as `sts:externalid`.
    public var context: [String: String] = [:]
    /// Whether anybody may who has a key, or the token of a session, whatever policies say.
    public var isFree = false

    public init(_ api: API, _ operation: String) { self.init(.video(api), operation) }

    public init(_ service: Service, _ operation: String) {
        self.service = service
        self.operation = operation
    }

    /// The action that an operation is to policies.
    func action(_ operation: String) -> String {
        switch service {
        case .video: "kinesisvideo:\(operation)"
        case .tokens: "sts:\(operation)"
        }
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
        // Without policies all that is left to ask is the trust of roles.
        if access.isFree || caller.principal.reach.policies == nil && !access.resources.contains(where: \.isRole) { return }
        // Whose thing it is was looked at above. No policy is about things.
        let resources = access.resources.filter { if case .thing = $0 { false } else { true } }
        let operations = [access.operation] + (access.tags.isEmpty ? [] : access.taggingOperation.map { [$0] } ?? [])
        for operation in operations {
            for resource in resources.isEmpty ? [nil] : resources.map(Optional.some) {
                guard try await allows(operation, resource, caller, access) else {
                    throw .denied(caller, access.action(operation), resource: resource?.name ?? "*")
                }
            }
        }
    }

    private func allows(
        _ operation: String, _ resource: Access.Resource?, _ caller: Caller, _ access: Access
    ) async throws(OperationError) -> Bool {
        let action = access.action(operation)
        if case .role(let arn) = resource { return try await trusts(arn, action, caller, access) }
        guard let policies = caller.principal.reach.policies else { return true }
        let needs = policies.needs(of: action)
        var arn = "*"
        var tags: [TagRecord] = []
        switch resource {
        case nil: break
        case .arn(let given), .thing(let given), .role(let given):
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
        return policies.decision(action, on: arn, CallContext(caller: caller, access: access, resourceTags: tags)).isAllowed
    }

    /// Whether a role's trust and the caller's policies let the caller take it on: trust in the caller by name suffices within an account, and one in
    /// the account leaves it to policies. IAM user guide, "Policy evaluation logic": cross-account too, where both must.
    private func trusts(_ arn: String, _ action: String, _ caller: Caller, _ access: Access) async throws(OperationError) -> Bool {
        guard let parts = RoleARN(arn), let role = try await role(parts), let trust = try? TrustPolicy(role.trust) else { return false }
        let context = CallContext(caller: caller, access: access, resourceTags: [])
        let trusted = trust.decision(action, by: caller.trustSubject, context)
        let own = caller.principal.reach.policies?.decision(action, on: arn, context)
        switch trusted {
        case .denied, .notAllowed: return false
        case .account: return own?.isAllowed ?? true
        case .caller where role.account == caller.account: return own?.mayBeOverruled ?? true
        case .caller: return own?.isAllowed ?? true
        }
    }

    private func role(_ arn: RoleARN) async throws(OperationError) -> RoleRecord? {
        do throws(DatabaseError) { return try await store.role(account: arn.account, name: arn.name) } catch { throw OperationError(error) }
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
    let isOffered =
        switch (access.service, caller.principal.reach) {
        case (_, .anything), (.tokens, .account), (.tokens, .user), (.tokens, .role): true
        case (.tokens, .thing): access.isFree
        case (.tokens, .session): false
        case (.video(.edgeAgent), .thing): true
        // What a player asks for by the token of its session, and nothing else of the session's account.
        case (.video(.archivedMedia), .session): access.isFree
        case (.video(let api), .account), (.video(let api), .user), (.video(let api), .role): api != .edgeAgent
        case (.video, .thing), (.video, .session): false
        }
    guard isOffered else { throw .denied(caller, access.action(access.operation), resource: "*") }
    for resource in access.resources {
        switch resource {
        case .own, .new, .role: continue
        case .arn(let arn):
            if caller.owns(arn) { continue } else { throw .denied(caller, access.action(access.operation), resource: arn) }
        case .thing(let arn):
            guard caller.principal.speaksFor(arn), caller.owns(arn) else {
                throw .denied(caller, access.action(access.operation), resource: arn)
            }
        }
    }
}

/// The policies of who calls, and those that limit a session.
struct CallerPolicies {
    let own: PolicySet
    let limit: PolicySet?

    func needs(of action: String) -> PolicySet.Needs {
        let (own, limit) = (own.needs(of: action), limit?.needs(of: action) ?? PolicySet.Needs())
        return PolicySet.Needs(resourceTags: own.resourceTags || limit.resourceTags, creationTime: own.creationTime || limit.creationTime)
    }

    struct Decision {
        let own: Policies.Decision
        let limit: Policies.Decision?

        var isAllowed: Bool { own.isAllowed && limit?.isAllowed ?? true }
        /// Whether what trusts the caller by name overrules that no own policy allows it. It overrules no denial, and no limit of a session.
        var mayBeOverruled: Bool {
            switch own {
            case .allowed, .notAllowed: limit?.isAllowed ?? true
            case .denied: false
            }
        }
    }

    func decision(_ action: String, on resource: String, _ context: CallContext) -> Decision {
        Decision(own: own.decision(action, on: resource, context), limit: limit?.decision(action, on: resource, context))
    }
}

extension Principal.Reach {
    /// nil where no policies decide.
    fileprivate var policies: CallerPolicies? {
        switch self {
        case .user(let user): CallerPolicies(own: user.policies, limit: nil)
        case .role(let session): CallerPolicies(own: session.policies, limit: session.limit)
        case .account, .thing, .session, .anything: nil
        }
    }

    fileprivate var tags: [TagRecord] {
        switch self {
        case .user(let user): user.tags
        case .role(let session): session.tags
        case .account, .thing, .session, .anything: []
        }
    }
}

extension RoleRecord {
    /// Whether the role's trust names a service of this deployment, in a context of keys in lower case.
    func trusts(service: String, _ given: [String: String]) -> Bool {
        guard let trust = try? TrustPolicy(trust) else { return false }
        return trust.decision("sts:AssumeRole", by: .service(service), GivenContext(given.map { ($0.key, [$0.value]) })) == .caller
    }
}

/// What policies may ask of a call.
struct CallContext: PolicyContext {
    let caller: Caller
    let access: Access
    let resourceTags: [TagRecord]

    func values(of key: ContextKey) -> [String]? {
        switch key.family {
        case .requestTag: access.tags.filter { $0.key.lowercased().utf8.elementsEqual(key.tag.utf8) }.map(\.value)
        case .resourceTag: resourceTags.filter { $0.key.lowercased().utf8.elementsEqual(key.tag.utf8) }.map(\.value)
        case .principalTag: caller.principal.reach.tags.filter { $0.key.lowercased().utf8.elementsEqual(key.tag.utf8) }.map(\.value)
        case .plain: key.global.map { global($0) } ?? other(key.name)
        }
    }

    /// What only some calls have, or some sessions.
    private func other(_ key: String) -> [String]? {
        if let value = access.context[key] { return [value] }
        guard case .role(let session) = caller.principal.reach else { return nil }
        return session.context[key].map { [$0] }
    }

    private func global(_ key: ContextKey.Global) -> [String]? {
        let circumstances = caller.circumstances
        return switch key {
        case .currentTime: [Date(timeIntervalSince1970: Double(circumstances.time / 1000)).formatted(.iso8601)]
        case .epochTime: [String(circumstances.time / 1000)]
        case .principalAccount: [caller.account]
        case .principalARN: [caller.principalARN]
        case .requestedRegion: [caller.region]
        case .secureTransport: [String(circumstances.isTLS)]
        case .sourceIP: circumstances.sourceAddress.map { [$0] }
        case .tagKeys: access.tags.map(\.key) + access.removedTagKeys
        case .userID: [caller.userID]
        case .username: if case .user(let user) = caller.principal.reach { [user.name] } else { nil }
        }
    }
}

extension Access.Resource {
    /// As the call names it.
    fileprivate var name: String {
        switch self {
        case .arn(let arn), .thing(let arn), .role(let arn): arn
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
        case .account, .anything, .user, .role: true
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

    /// Who calls, as messages name it. A key that belongs to nobody is named by its id.
    public var arn: String {
        switch principal.reach {
        case .user(let user): iamARN("user/\(user.name)")
        case .role(let session): "arn:\(Partition.of(region)):sts::\(account):assumed-role/\(session.role)/\(session.name)"
        case .account, .anything, .thing, .session: iamARN("user/\(keyID)")
        }
    }

    /// Who calls, as policies name it: of a session of a role, the role.
    public var principalARN: String {
        if case .role(let session) = principal.reach { iamARN("role/\(session.role)") } else { arn }
    }

    /// By what a role's trust may name who calls.
    fileprivate var trustSubject: TrustSubject { .principal(account: account, arns: [arn, principalARN]) }

    /// Who calls, as GetCallerIdentity tells it: a key of the whole account is the account's.
    public var identity: (arn: String, userID: String) {
        switch principal.reach {
        case .user, .role: (arn, userID)
        case .thing(let thing): (thing, userID)
        case .account, .anything, .session: (iamARN("root"), userID)
        }
    }

    /// What policies read as `aws:userid`: of a user an id that is made from account and name, of a session of a role the role's id and the name
    /// of the session, of a thing the key, and of a key of the whole account the account.
    fileprivate var userID: String {
        switch principal.reach {
        case .user(let user):
            "AIDA"
                + SHA256.hash(data: Array("\(account)/\(user.name)".utf8)).prefix(8).map { byte in
                    let digits = Array("ABCDEFGHIJKLMNOP")
                    return "\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
                }.joined()
        case .role(let session): "\(session.roleID):\(session.name)"
        case .thing: keyID
        case .account, .anything, .session: account
        }
    }

    private func iamARN(_ resource: String) -> String { "arn:\(Partition.of(region)):iam::\(account):\(resource)" }
}

/// The name of a role, taken apart: `arn:PARTITION:iam::ACCOUNT:role/NAME`.
public struct RoleARN: Sendable {
    public let account: String
    public let name: String

    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[1].hasPrefix("aws"), parts[2] == "iam", parts[3].isEmpty,
            parts[4].utf8.count == 12, parts[5].hasPrefix("role/")
        else { return nil }
        account = String(parts[4])
        name = String(parts[5].dropFirst("role/".count))
        guard (1...64).contains(name.utf8.count), !name.contains("/") else { return nil }
    }
}

extension OperationError {
    fileprivate static func denied(_ caller: Caller, _ action: String, resource: String) -> OperationError {
        OperationError(
            .accessDenied,
            "User: \(caller.arn) is not authorized to perform: \(action) on resource: \(resource)")
    }
}
