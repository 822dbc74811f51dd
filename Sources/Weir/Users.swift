import ArgumentParser
import FoundationEssentials
import Identity
import Settings
import Store

/// Lists the accounts that there are: an account is there once it has a key.
struct Accounts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts", abstract: "List the accounts, with how many users, active keys and policies each has.",
        discussion: "An account is there once it has a key: weir keys create --account DIGITS.\n\n" + ConfigurationFlags.discussion)

    @OptionGroup(title: "Configuration")
    var flags: ConfigurationFlags

    func run() async throws {
        try await Deployment.open(flags) { deployment, _ in
            let rows = try await deployment.store.accounts().map { [$0.account, "\($0.users)", "\($0.activeKeys)", "\($0.policies)"] }
            print(TextTable(["ACCOUNT", "USERS", "ACTIVE KEYS", "POLICIES"], rows).text)
        }
    }
}

/// Makes, lists and removes the users of an account, and says which policies each has, beside the instances that run.
struct Users: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Make, list and remove users, and attach policies to them.",
        subcommands: [Create.self, List.self, Attach.self, Detach.self, Delete.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make a user, who may do what its policies allow.",
            discussion: "weir keys create --user NAME makes a key for it.\n\n" + ConfigurationFlags.discussion)

        @Argument(help: "1 to 64 letters, digits and the characters +=,.@_-")
        var name: String

        @Option(
            name: .customLong("policy"),
            help: ArgumentHelp(
                "A policy of the account, or a ready-made one, which is put into the account: camera, viewer, operator, auditor. May stand several times.",
                valueName: "NAME"))
        var policies: [String] = []

        @Option(
            name: .customLong("tag"),
            help: ArgumentHelp("A tag, for policies that ask for aws:PrincipalTag/KEY. May stand several times.", valueName: "KEY=VALUE"))
        var tags: [String] = []

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func validate() throws {
            guard name.wholeMatch(of: /[A-Za-z0-9+=,.@_-]{1,64}/) != nil else {
                throw ValidationError("A user's name is 1 to 64 letters, digits and the characters +=,.@_-")
            }
        }

        func run() async throws {
            var records: [TagRecord] = []
            for tag in tags {
                let parts = tag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2, (1...128).contains(parts[0].unicodeScalars.count), parts[1].unicodeScalars.count <= 256 else {
                    throw ValidationError("--tag: must be KEY=VALUE, of at most 128 and 256 characters")
                }
                guard !records.contains(where: { $0.key.lowercased() == parts[0].lowercased() }) else {
                    throw ValidationError("--tag: the key \(parts[0]) is given twice, letter case apart")
                }
                records.append(TagRecord(key: parts[0], value: parts[1]))
            }
            try await Deployment.open(flags) { [tags = records] deployment, configuration in
                let (store, account) = (deployment.store, configuration.account)
                for policy in policies { try await ReadyMadePolicy.provide(policy, account: account, store) }
                switch try await store.addUser(account: account, name: name, tags: tags, policies: policies) {
                case .done: print("Made \(name).")
                case .nameInUse: throw ValidationError("The account \(account) has a user \(name) already.")
                case .notFound: throw ValidationError("The account \(account) lacks one of the policies: weir policy list")
                case .tooManyPolicies, .attached: throw ValidationError("A user has at most ten policies.")
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the users of all accounts, with their policies.", discussion: ConfigurationFlags.discussion
        )

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, _ in
                let rows = try await deployment.store.users().map { user in
                    [
                        user.account, user.name, user.policies.joined(separator: ","), "\(user.activeKeys)",
                        Date(timeIntervalSince1970: Double(user.createdAt) / 1000).formatted(.iso8601),
                    ]
                }
                print(TextTable(["ACCOUNT", "USER", "POLICIES", "ACTIVE KEYS", "CREATED"], rows).text)
            }
        }
    }

    struct Attach: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "attach", abstract: "Attach a policy to a user, in effect on every instance within five seconds.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The user.")
        var name: String

        @Argument(help: "A policy of the account, or a ready-made one: camera, viewer, operator, auditor.")
        var policy: String

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                let (store, account) = (deployment.store, configuration.account)
                try await ReadyMadePolicy.provide(policy, account: account, store)
                switch try await store.attach(policy: policy, account: account, user: name) {
                case .done: print("Attached \(policy) to \(name).")
                case .notFound, .nameInUse, .attached:
                    throw ValidationError("The account \(account) lacks the user \(name) or the policy \(policy).")
                case .tooManyPolicies: throw ValidationError("A user has at most ten policies.")
                }
            }
        }
    }

    struct Detach: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "detach", abstract: "Take a policy from a user, in effect on every instance within five seconds.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The user.")
        var name: String

        @Argument(help: "The policy.")
        var policy: String

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                guard try await deployment.store.detach(policy: policy, account: configuration.account, user: name) == .done else {
                    throw ValidationError("The policy \(policy) is not attached to a user \(name) of the account \(configuration.account).")
                }
                print("Took \(policy) from \(name).")
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete", abstract: "Remove a user with its keys, which sign nothing more within five seconds.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The user.")
        var name: String

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                guard try await deployment.store.removeUser(account: configuration.account, name: name) == .done else {
                    throw ValidationError("The account \(configuration.account) has no user \(name).")
                }
                print("Removed \(name).")
            }
        }
    }
}
