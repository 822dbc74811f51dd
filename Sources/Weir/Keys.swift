import ArgumentParser
import Contract
import FoundationEssentials
import Identity
import Store

/// Makes, lists and disables access keys, beside the instances that run.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make, list and disable access keys.", subcommands: [Create.self, List.self, Disable.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make an access key and print it as a profile for an AWS credentials file.",
            usage: "weir keys create [--account DIGITS] [--thing ARN] [--config FILE] [--KEY VALUE ...]",
            discussion: "--thing ARN makes a key for the edge agent of one thing, in the thing's account. It may do nothing else.\n\n"
                + ConfigurationHelp.text)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            var arguments = arguments
            let thing = try Thing(takenFrom: &arguments)
            try await Keys.open(arguments, self) { keys, configuration in
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
    private struct Thing {
        let arn: String
        let account: String
        let region: String
        let name: String

        /// Takes `--thing ARN` or `--thing=ARN` out of the arguments; nil where there is none.
        init?(takenFrom arguments: inout [String]) throws {
            guard let index = arguments.firstIndex(where: { $0 == "--thing" || $0.hasPrefix("--thing=") }) else { return nil }
            let argument = arguments.remove(at: index)
            if argument == "--thing" {
                guard index < arguments.count else { throw ValidationError("--thing: the value is missing") }
                arn = arguments.remove(at: index)
            } else {
                arn = String(argument.dropFirst("--thing=".count))
            }
            let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
            guard Pattern.thingARN.matches(arn), parts.count == 6, parts[4].utf8.count == 12 else {
                throw ValidationError("--thing: must be the ARN of a thing, such as arn:aws:iot:us-east-1:123456789012:thing/hub-1")
            }
            account = String(parts[4])
            region = String(parts[3])
            name = String(parts[5].dropFirst("thing/".count))
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
