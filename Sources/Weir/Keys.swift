import ArgumentParser
import ControlPlane
import FoundationEssentials
import Store

/// Makes, lists and disables access keys, beside the instances that run.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make, list and disable access keys.", subcommands: [Create.self, List.self, Disable.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make an access key and print it as a profile for an AWS credentials file.",
            usage: "weir keys create [--account DIGITS] [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationHelp.text)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await Keys.open(arguments, self) { keys, configuration in
                let key = try await keys.create(account: configuration.account, description: "made by weir keys create")
                print("[weir-\(configuration.account)]\naws_access_key_id = \(key.id)\naws_secret_access_key = \(key.secret)")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the access keys, without their secrets.",
            usage: "weir keys list [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationHelp.text)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await Keys.open(arguments, self) { keys, _ in
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
            usage: "weir keys disable ID [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationHelp.text)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            guard let id = arguments.first, !id.hasPrefix("-") else {
                throw ValidationError("Name the key to disable: weir keys disable ID")
            }
            try await Keys.open(Array(arguments.dropFirst()), self) { keys, _ in
                guard try await keys.disable(id) else { throw ValidationError("There is no access key \(id).") }
                print("Disabled \(id).")
            }
        }
    }

    private static func open<Command: ParsableCommand>(
        _ arguments: [String], _ command: Command, _ body: (AccessKeys, ServerConfiguration) async throws -> Void
    ) async throws {
        let configuration = try ConfigurationHelp.read(arguments, for: command)
        try await Deployment.open(configuration, Log.make(level: configuration.logLevel), beside: true) { deployment in
            try deployment.prepareSchema()
            try await body(AccessKeys(store: deployment.store, masterKey: deployment.masterKey()), configuration)
        }
    }
}
