import ArgumentParser
import Contract
import Settings
import Store

/// Users or roles, for the commands that both have.
protocol PolicyHolderKind: Sendable {
    static var noun: String { get }
    /// What goes with one that is removed.
    static var belongings: String { get }
    static func holder(_ name: String) -> PolicyHolder
}

enum UserKind: PolicyHolderKind {
    static let noun = "user"
    static let belongings = "its keys, which sign nothing more"
    static func holder(_ name: String) -> PolicyHolder { .user(name) }
}

enum RoleKind: PolicyHolderKind {
    static let noun = "role"
    static let belongings = "its aliases; credentials that were made from it are refused"
    static func holder(_ name: String) -> PolicyHolder { .role(name) }
}

struct AttachPolicy<Kind: PolicyHolderKind>: StoreCommand {
    static var configuration: CommandConfiguration {
        .store("attach", "Attach a policy to a \(Kind.noun), in effect on every instance within five seconds.")
    }

    @Argument(help: "Its name.")
    var name: String

    @Argument(help: "A policy of the account, or a ready-made one: camera, viewer, operator, auditor.")
    var policy: String

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
        let (account, holder) = (configuration.account, Kind.holder(name))
        try await ReadyMadePolicy.provide(policy, account: account, store)
        try await store.attach(policy: policy, to: holder, account: account).require(holder, account: account, policy: policy)
        return "Attached \(policy) to \(name)."
    }
}

struct DetachPolicy<Kind: PolicyHolderKind>: StoreCommand {
    static var configuration: CommandConfiguration {
        .store("detach", "Take a policy from a \(Kind.noun), in effect on every instance within five seconds.")
    }

    @Argument(help: "Its name.")
    var name: String

    @Argument(help: "The policy.")
    var policy: String

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
        let (account, holder) = (configuration.account, Kind.holder(name))
        guard try await store.detach(policy: policy, from: holder, account: account) == .done else {
            throw Refused("The policy \(policy) is not attached to a \(Kind.noun) \(name) of the account \(account).")
        }
        return "Took \(policy) from \(name)."
    }
}

struct DeleteHolder<Kind: PolicyHolderKind>: StoreCommand {
    static var configuration: CommandConfiguration {
        .store("delete", "Remove a \(Kind.noun) with \(Kind.belongings) within five seconds.")
    }

    @Argument(help: "Its name.")
    var name: String

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
        let (account, holder) = (configuration.account, Kind.holder(name))
        guard try await store.remove(holder, account: account) == .done else {
            throw Refused("The account \(account) has no \(Kind.noun) \(name).")
        }
        return "Removed \(name)."
    }
}

/// What is attached to a user or role when it is made.
struct AttachedOptions: ParsableArguments {
    @Option(
        name: .customLong("policy"),
        help: ArgumentHelp(
            "A policy of the account, or a ready-made one, which is put into the account: camera, viewer, operator, auditor. May stand several times.",
            valueName: "name"))
    var policies: [String] = []

    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp("A tag, for policies that ask for aws:PrincipalTag/KEY. May stand several times.", valueName: "key=value"))
    var tags: [String] = []

    /// The tags, checked.
    func records() throws -> [TagRecord] {
        var records: [TagRecord] = []
        for tag in tags {
            let parts = tag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, (1...128).contains(parts[0].unicodeScalars.count), parts[1].unicodeScalars.count <= 256 else {
                throw ValidationError("--tag: must be KEY=VALUE, of at most 128 and 256 characters")
            }
            guard Pattern.tagKey.matches(parts[0]), Pattern.tagValue.matches(parts[1]) else {
                throw ValidationError("--tag: must have letters, digits, spaces and the characters _.:/=+-@ only")
            }
            guard !parts[0].lowercased().hasPrefix("aws:") else { throw ValidationError("--tag: the prefix aws: is reserved") }
            guard !records.contains(where: { $0.key.lowercased() == parts[0].lowercased() }) else {
                throw ValidationError("--tag: the key \(parts[0]) is given twice, letter case apart")
            }
            records.append(TagRecord(key: parts[0], value: parts[1]))
        }
        return records
    }

    /// Puts those policies that are ready-made into the account.
    func provide(account: String, _ store: Store) async throws {
        for policy in policies { try await ReadyMadePolicy.provide(policy, account: account, store) }
    }
}

extension Store.HolderChange {
    /// Tells whoever gave the command what kept a change of a user or role from being made.
    func require(_ holder: PolicyHolder, account: String, policy: String? = nil) throws {
        let noun = if case .user = holder { UserKind.noun } else { RoleKind.noun }
        switch self {
        case .done: return
        case .nameInUse: throw Refused("The account \(account) has a \(noun) \(holder.name) already.")
        case .tooManyPolicies, .attached: throw Refused("A \(noun) has at most ten policies.")
        case .notFound:
            let alternative = policy.map { " or the policy \($0)" } ?? ", or one of the policies: weir policy list"
            throw Refused("The account \(account) lacks the \(noun) \(holder.name)\(alternative).")
        }
    }
}
