import ArgumentParser
import FoundationEssentials
import Identity
import Settings
import Store

/// Lists the accounts that there are: an account is there once it has a key.
struct Accounts: StoreCommand {
    static let configuration = CommandConfiguration.store(
        "accounts", "List the accounts, with how many users, active keys, roles and policies each has.",
        discussion: "An account is there once it has a key: weir keys create --account DIGITS.\n\n")

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
        let rows = try await store.accounts().map {
            [$0.account, "\($0.users)", "\($0.activeKeys)", "\($0.roles)", "\($0.policies)"]
        }
        return TextTable(["ACCOUNT", "USERS", "ACTIVE KEYS", "ROLES", "POLICIES"], rows).text
    }
}

/// Makes, lists and removes the users of an account, and says which policies each has, beside the instances that run.
struct Users: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Make, list and delete users, and attach policies to them.",
        subcommands: [
            Create.self, List.self, AttachPolicy<UserKind>.self, DetachPolicy<UserKind>.self, DeleteHolder<UserKind>.self,
        ])

    struct Create: StoreCommand {
        static let configuration = CommandConfiguration.store(
            "create", "Make a user, who may do what its policies allow.", discussion: "weir keys create --user NAME makes a key for it.\n\n"
        )

        @Argument(help: "1 to 64 letters, digits and the characters +=,.@_-")
        var name: String

        @OptionGroup
        var attached: AttachedOptions

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func validate() throws {
            guard name.wholeMatch(of: /[A-Za-z0-9+=,.@_-]{1,64}/) != nil else {
                throw ValidationError("A user's name is 1 to 64 letters, digits and the characters +=,.@_-")
            }
        }

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            let tags = try attached.records()
            let account = configuration.account
            try await attached.provide(account: account, store)
            try await store.addUser(account: account, name: name, tags: tags, policies: attached.policies)
                .require(.user(name), account: account)
            return "Made \(name)."
        }
    }

    struct List: StoreCommand {
        static let configuration = CommandConfiguration.store("list", "List the users of all accounts, with their policies.")

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String {
            let rows = try await store.users().map { user in
                [
                    user.account, user.name, user.policies.joined(separator: ","), "\(user.activeKeys)",
                    TextTable.time(user.createdAt),
                ]
            }
            return TextTable(["ACCOUNT", "USER", "POLICIES", "ACTIVE KEYS", "CREATED"], rows).text
        }
    }
}
