import ArgumentParser
import Contract
import FoundationEssentials
import Identity
import Settings
import Store

/// Makes, lists and disables access keys, beside the instances that run.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make, list and disable access keys.", subcommands: [Create.self, List.self, Disable.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make an access key and print it as a profile for an AWS credentials file.",
            discussion: ConfigurationFlags.discussion)

        @Option(
            help: ArgumentHelp(
                "Make a key for the edge agent of this thing, in the thing's account. It may do nothing else.", valueName: "ARN"),
            transform: Thing.init)
        var thing: Thing?

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Keys.open(flags) { keys, configuration in
                let account = thing?.account ?? configuration.account
                let key = try await keys.create(
                    account: account, thingARN: thing?.arn, description: thing?.arn ?? "made by weir keys create")
                print(
                    FirstCredentials.profile(
                        "weir-\(thing?.name ?? account)", key, region: thing?.region ?? configuration.region, configuration))
            }
        }
    }

    /// The thing that a key is to speak for.
    struct Thing {
        let arn: String
        let account: String
        let region: String
        let name: String

        init(_ text: String) throws {
            guard Pattern.thingARN.matches(text), let parts = ARN(text), parts.account.isAccount else {
                throw ValidationError("--thing: must be the ARN of a thing, such as arn:aws:iot:us-east-1:123456789012:thing/hub-1")
            }
            arn = text
            account = parts.account
            region = parts.region
            name = String(parts.resource.dropFirst("thing/".count))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the access keys, without their secrets.", discussion: ConfigurationFlags.discussion)

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Keys.open(flags) { keys, _ in
                for key in try await keys.list() {
                    let made = Date(timeIntervalSince1970: Double(key.createdAt) / 1000).formatted(.iso8601)
                    print("\(key.id)  \(key.account)  \(key.isActive ? "ACTIVE  " : "DISABLED")  \(made)  \(key.description)")
                }
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "disable", abstract: "Keep an access key from signing anything more, on every instance within five seconds.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: ArgumentHelp("The id of the key, as weir keys list shows it.", valueName: "id"))
        var id: String

        @OptionGroup(title: "Configuration")
        var flags: ConfigurationFlags

        func run() async throws {
            try await Keys.open(flags) { keys, _ in
                guard try await keys.disable(id) else { throw ValidationError("There is no access key \(id).") }
                print("Disabled \(id).")
            }
        }
    }

    private static func open(
        _ flags: ConfigurationFlags, _ body: (AccessKeys, ServerConfiguration) async throws -> Void
    ) async throws {
        try await Deployment.open(flags) { deployment, configuration in
            try await body(AccessKeys(store: deployment.store, masterKey: deployment.masterKey()), configuration)
        }
    }
}
