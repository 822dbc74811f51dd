import ArgumentParser
import FoundationEssentials
import Identity
import Policies
import Settings
import Store

/// Makes, lists and removes the roles of an account, and says what each may do and who may take it on, beside the instances that run.
struct Roles: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roles", abstract: "Make, list and remove roles, which users and devices take on for a while.",
        subcommands: [
            Create.self, List.self, Show.self, Trust.self, AttachPolicy<RoleKind>.self, DetachPolicy<RoleKind>.self,
            DeleteHolder<RoleKind>.self, RevokeSessions.self, Alias.self, RemoveAlias.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make a role: who takes it on may do what its policies allow.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "1 to 64 letters, digits and the characters +=,.@_-")
        var name: String

        @Option(
            help: ArgumentHelp(
                "A file with the policy of who may take the role on, in IAM's JSON language; - for the standard input.", valueName: "FILE"))
        var trust: String

        @OptionGroup
        var attached: AttachedOptions

        @Option(
            help: ArgumentHelp("How long credentials made from it may last, 1h to 12h.", valueName: "TIME"), transform: Keys.Lifetime.init)
        var longestSession: Keys.Lifetime?

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        private var seconds: Int64 { (longestSession?.milliseconds ?? 3_600_000) / 1000 }

        func validate() throws {
            guard name.wholeMatch(of: /[A-Za-z0-9+=,.@_-]{1,64}/) != nil else {
                throw ValidationError("A role's name is 1 to 64 letters, digits and the characters +=,.@_-")
            }
            guard (3600...43200).contains(seconds) else { throw ValidationError("--longest-session: must be from 1h to 12h") }
        }

        func run() async throws {
            let document = try Roles.trust(trust)
            let tags = try attached.records()
            try await Deployment.open(flags) { deployment, configuration in
                let (store, account) = (deployment.store, configuration.account)
                try await attached.provide(account: account, store)
                try await store.addRole(
                    account: account, name: name, id: AccessKeys.newRoleID(), trust: document, longestSession: seconds, tags: tags,
                    policies: attached.policies
                ).require(.role(name), account: account)
                print("Made arn:\(Partition.of(configuration.region)):iam::\(account):role/\(name).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the roles of all accounts, with their policies.", discussion: ConfigurationFlags.discussion
        )

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, _ in
                let aliases = try await deployment.store.roleAliases()
                let rows = try await deployment.store.roles().map { role in
                    [
                        role.account, role.name, role.policies.joined(separator: ","),
                        aliases.filter { $0.account == role.account && $0.role == role.name }.map(\.name).joined(separator: ","),
                        "\(role.longestSession) s", Date(milliseconds: role.createdAt).formatted(.iso8601),
                    ]
                }
                print(TextTable(["ACCOUNT", "ROLE", "POLICIES", "ALIASES", "LONGEST SESSION", "CREATED"], rows).text)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print who may take a role on, and what is attached to it.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The role.")
        var name: String

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                let (store, account) = (deployment.store, configuration.account)
                guard let role = try await store.role(account: account, name: name) else {
                    throw ValidationError("The account \(account) has no role \(name).")
                }
                let tags = try await store.grants(of: .role(name), account: account).tags
                print("ARN: arn:\(Partition.of(configuration.region)):iam::\(account):role/\(name)")
                print("Policies: \(role.policies.joined(separator: ", "))")
                print("Tags: \(tags.map { "\($0.key)=\($0.value)" }.joined(separator: ", "))")
                print("Longest session: \(role.longestSession) s")
                if let revokedAt = role.revokedAt {
                    print("Sessions are refused that began by \(Date(milliseconds: revokedAt).formatted(.iso8601))")
                }
                print("Trust:\n\(role.trust)")
            }
        }
    }

    struct Trust: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "trust", abstract: "Change who may take a role on. What was made from it before stays.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The role.")
        var name: String

        @Argument(help: "A file with the policy of who may take the role on; - for the standard input.")
        var file: String

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            let document = try Roles.trust(file)
            try await Deployment.open(flags) { deployment, configuration in
                let account = configuration.account
                try await deployment.store.setTrust(document, account: account, role: name).require(.role(name), account: account)
                print("Changed the trust of \(name).")
            }
        }
    }

    struct RevokeSessions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke-sessions",
            abstract: "Have credentials that were made from a role up to now be refused, on every instance within five seconds.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The role.")
        var name: String

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                let account = configuration.account
                try await deployment.store.revokeSessions(account: account, role: name).require(.role(name), account: account)
                print("The sessions of \(name) are refused.")
            }
        }
    }

    struct Alias: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "alias", abstract: "Give a role a name by which devices ask for its credentials.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The role.")
        var role: String

        @Argument(help: "The alias: 1 to 128 letters, digits and the characters =,@_-")
        var name: String

        @Option(help: ArgumentHelp("How long the credentials last, 15m to 12h.", valueName: "TIME"), transform: Keys.Lifetime.init)
        var lifetime: Keys.Lifetime?

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        private var seconds: Int64 { (lifetime?.milliseconds ?? 3_600_000) / 1000 }

        func validate() throws {
            guard name.wholeMatch(of: /[A-Za-z0-9=,@_-]{1,128}/) != nil else {
                throw ValidationError("An alias is 1 to 128 letters, digits and the characters =,@_-")
            }
            guard (900...43200).contains(seconds) else { throw ValidationError("--lifetime: must be from 15m to 12h") }
        }

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                let (store, account) = (deployment.store, configuration.account)
                switch try await store.addRoleAlias(account: account, name: name, role: role, lifetime: seconds) {
                case .done: print("\(name) leads to \(role).")
                case .nameInUse: throw ValidationError("The account \(account) has an alias \(name) already.")
                case .notFound, .attached, .tooManyPolicies: throw ValidationError("The account \(account) has no role \(role).")
                }
            }
        }
    }

    struct RemoveAlias: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove-alias", abstract: "Remove a name by which devices ask for credentials; the role stays.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The alias.")
        var name: String

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                guard try await deployment.store.removeRoleAlias(account: configuration.account, name: name) == .done else {
                    throw ValidationError("The account \(configuration.account) has no alias \(name).")
                }
                print("Removed \(name).")
            }
        }
    }

    /// The document of a file, which is a policy of who may take a role on.
    private static func trust(_ file: String) throws -> String {
        let document = try PolicyCommand.document(file)
        do throws(PolicyMistake) { _ = try TrustPolicy(document) } catch { throw ValidationError("\(file), \(error)") }
        return document
    }
}

extension Date {
    fileprivate init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }
}
