import ArgumentParser
import FoundationEssentials
import Identity
import Policies
import Settings
import Store

/// Makes, lists and removes the roles of an account, and says what each may do and who may take it on, beside the instances that run.
struct Roles: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roles", abstract: "Make, list and delete roles, which users and devices take on for a while.",
        subcommands: [
            Create.self, List.self, Show.self, Trust.self, AttachPolicy<RoleKind>.self, DetachPolicy<RoleKind>.self,
            DeleteHolder<RoleKind>.self, RevokeSessions.self, Alias.self, RemoveAlias.self,
        ])

    struct Create: StoreCommand {
        static let configuration = CommandConfiguration.store("create", "Make a role: who takes it on may do what its policies allow.")

        @Argument(help: "1 to 64 letters, digits and the characters +=,.@_-")
        var name: String

        @Option(
            help: ArgumentHelp(
                "A file with the policy of who may take the role on, in IAM's JSON language; - for the standard input.", valueName: "file"))
        var trust: String

        @OptionGroup
        var attached: AttachedOptions

        @Option(
            help: ArgumentHelp("How long credentials made from it may last, 1h to 12h.", valueName: "duration"), transform: TimeSpan.init)
        var longestSession: TimeSpan?

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        private var seconds: Int64 { (longestSession?.milliseconds ?? 3_600_000) / 1000 }

        func validate() throws {
            guard name.wholeMatch(of: /[A-Za-z0-9+=,.@_-]{1,64}/) != nil else {
                throw ValidationError("A role's name is 1 to 64 letters, digits and the characters +=,.@_-")
            }
            guard (3600...43200).contains(seconds) else { throw ValidationError("--longest-session: must be from 1h to 12h") }
        }

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            let document = try Roles.trust(trust)
            let tags = try attached.records()
            let account = configuration.account
            try await attached.provide(account: account, store)
            try await store.addRole(
                account: account, name: name, id: AccessKeys.newRoleID(), trust: document, longestSession: seconds, tags: tags,
                policies: attached.policies
            ).require(.role(name), account: account)
            return "Made arn:\(Partition.of(configuration.region)):iam::\(account):role/\(name)."
        }
    }

    struct List: StoreCommand {
        static let configuration = CommandConfiguration.store("list", "List the roles of all accounts, with their policies.")

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            let aliases = try await store.roleAliases()
            let rows = try await store.roles().map { role in
                [
                    role.account, role.name, role.policies.joined(separator: ","),
                    aliases.filter { $0.account == role.account && $0.role == role.name }.map(\.name).joined(separator: ","),
                    "\(role.longestSession) s", TextTable.time(role.createdAt),
                ]
            }
            return TextTable(["ACCOUNT", "ROLE", "POLICIES", "ALIASES", "LONGEST SESSION", "CREATED"], rows).text
        }
    }

    struct Show: StoreCommand {
        static let configuration = CommandConfiguration.store("show", "Print who may take a role on, and what is attached to it.")

        @Argument(help: "The role.")
        var name: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            let account = configuration.account
            guard let role = try await store.role(account: account, name: name) else {
                throw Refused("The account \(account) has no role \(name).")
            }
            let tags = try await store.grants(of: .role(name), account: account).tags
            let revoked = role.revokedAt.map { ["Sessions are refused that began by \(TextTable.time($0))"] } ?? []
            return
                ([
                    "ARN: arn:\(Partition.of(configuration.region)):iam::\(account):role/\(name)",
                    "Policies: \(role.policies.joined(separator: ", "))",
                    "Tags: \(tags.map { "\($0.key)=\($0.value)" }.joined(separator: ", "))", "Longest session: \(role.longestSession) s",
                ] + revoked + ["Trust:\n\(role.trust)"]).joined(separator: "\n")
        }
    }

    struct Trust: StoreCommand {
        static let configuration = CommandConfiguration.store("trust", "Change who may take a role on. What was made from it before stays.")

        @Argument(help: "The role.")
        var name: String

        @Argument(help: "A file with the policy of who may take the role on; - for the standard input.")
        var file: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            let document = try Roles.trust(file)
            let account = configuration.account
            try await store.setTrust(document, account: account, role: name).require(.role(name), account: account)
            return "Changed the trust of \(name)."
        }
    }

    struct RevokeSessions: StoreCommand {
        static let configuration = CommandConfiguration.store(
            "revoke-sessions", "Have credentials that were made from a role up to now be refused, on every instance within five seconds.")

        @Argument(help: "The role.")
        var name: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            let account = configuration.account
            try await store.revokeSessions(account: account, role: name).require(.role(name), account: account)
            return "The sessions of \(name) are refused."
        }
    }

    struct Alias: StoreCommand {
        static let configuration = CommandConfiguration.store("alias", "Give a role a name by which devices ask for its credentials.")

        @Argument(help: "The role.")
        var role: String

        @Argument(help: "The alias: 1 to 128 letters, digits and the characters =,@_-")
        var name: String

        @Option(help: ArgumentHelp("How long the credentials last, 15m to 12h.", valueName: "duration"), transform: TimeSpan.init)
        var lifetime: TimeSpan?

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        private var seconds: Int64 { (lifetime?.milliseconds ?? 3_600_000) / 1000 }

        func validate() throws {
            guard name.wholeMatch(of: /[A-Za-z0-9=,@_-]{1,128}/) != nil else {
                throw ValidationError("An alias is 1 to 128 letters, digits and the characters =,@_-")
            }
            guard (900...43200).contains(seconds) else { throw ValidationError("--lifetime: must be from 15m to 12h") }
        }

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            let account = configuration.account
            switch try await store.addRoleAlias(account: account, name: name, role: role, lifetime: seconds) {
            case .done: return "\(name) leads to \(role)."
            case .nameInUse: throw Refused("The account \(account) has an alias \(name) already.")
            case .notFound, .attached, .tooManyPolicies: throw Refused("The account \(account) has no role \(role).")
            }
        }
    }

    struct RemoveAlias: StoreCommand {
        static let configuration = CommandConfiguration.store(
            "remove-alias", "Remove a name by which devices ask for credentials; the role stays.")

        @Argument(help: "The alias.")
        var name: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            guard try await store.removeRoleAlias(account: configuration.account, name: name) == .done else {
                throw Refused("The account \(configuration.account) has no alias \(name).")
            }
            return "Removed \(name)."
        }
    }

    /// The document of a file, which is a policy of who may take a role on.
    private static func trust(_ file: String) throws -> String {
        let document = try PolicyCommand.document(file)
        do throws(PolicyMistake) { _ = try TrustPolicy(document) } catch { throw ValidationError("\(file), \(error)") }
        return document
    }
}
