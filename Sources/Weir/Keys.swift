import ArgumentParser
import Contract
import Files
import FoundationEssentials
import Identity
import Settings
import Store

/// Makes, lists and ends access keys, beside the instances that run.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make, list, rotate, expire and disable access keys, and rotate the master key.",
        subcommands: [Create.self, List.self, Rotate.self, Expire.self, Disable.self, Rewrap.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make an access key and print it as a profile for an AWS credentials file.",
            discussion: "A key of no user may do everything in its account.\n\n" + ConfigurationFlags.discussion)

        @Option(
            help: ArgumentHelp(
                "Make a key for the edge agent of this thing, in the thing's account. It may do nothing else.", valueName: "arn"),
            transform: Thing.init)
        var thing: Thing?

        @Option(
            help: ArgumentHelp("Make a key for this user of the account, who may do what the user's policies allow.", valueName: "name"))
        var user: String?

        @Option(help: ArgumentHelp("How long the key may be used, such as 12h or 30d.", valueName: "duration"), transform: TimeSpan.init)
        var expiresIn: TimeSpan?

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func validate() throws {
            guard thing == nil || user == nil else { throw ValidationError("A key is for a thing or for a user: give --thing or --user.") }
        }

        func run() async throws {
            try await Keys.open(flags) { keys, configuration in
                let account = thing?.account ?? configuration.account
                let holder: KeyHolder = if let user { .user(user) } else { thing.map { .thing($0.arn) } ?? .account }
                let key = try await keys.create(
                    account: account, for: holder, description: thing?.arn ?? "made by weir keys create",
                    lifetime: expiresIn?.milliseconds)
                print(
                    FirstCredentials.profile(
                        "weir-\(user ?? thing?.name ?? account)", key, region: thing?.region ?? configuration.region, configuration))
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
                throw ValidationError("must be the ARN of a thing, such as arn:aws:iot:us-east-1:123456789012:thing/hub-1")
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

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Keys.open(flags) { keys, _ in
                let now = Int64(Date().timeIntervalSince1970 * 1000)
                let rows = try await keys.list().map { key in
                    let isOver = key.expiresAt.map { $0 <= now } ?? false
                    let status = key.isActive ? "ACTIVE" : isOver ? "ENDED" : "DISABLED"
                    return [
                        key.id, key.account, status, key.user ?? "", TextTable.time(key.createdAt), key.expiresAt.map(TextTable.time) ?? "",
                        key.description,
                    ]
                }
                print(TextTable(["ID", "ACCOUNT", "STATUS", "USER", "CREATED", "ENDS", "DESCRIPTION"], rows).text)
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate", abstract: "Make a key for whom another one is, and have that one end a while later.",
            discussion: "Prints the new key as a profile for an AWS credentials file.\n\n" + ConfigurationFlags.discussion)

        @Argument(help: ArgumentHelp("The id of the key that is to end, as weir keys list shows it.", valueName: "id"))
        var id: String

        @Option(help: ArgumentHelp("How long the old key may still be used.", valueName: "duration"), transform: TimeSpan.init)
        var overlap: TimeSpan?

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Keys.open(flags) { keys, configuration in
                guard let key = try await keys.rotate(id, overlap: overlap?.milliseconds ?? 86_400_000) else {
                    throw Refused("There is no active access key \(id).")
                }
                print(FirstCredentials.profile("weir-\(key.account)", key, region: configuration.region, configuration))
            }
        }
    }

    struct Expire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "expire", abstract: "Have an access key sign nothing more after a while, unless it ends sooner.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: ArgumentHelp("The id of the key, as weir keys list shows it.", valueName: "id"))
        var id: String

        @Option(
            name: .customLong("in"), help: ArgumentHelp("How long it may still be used.", valueName: "duration"), transform: TimeSpan.init)
        var lifetime: TimeSpan

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Keys.open(flags) { keys, _ in
                guard try await keys.expire(id, in: lifetime.milliseconds) else { throw Refused("There is no access key \(id).") }
                let end = Date(timeIntervalSinceNow: Double(lifetime.milliseconds) / 1000).formatted(.iso8601)
                print("\(id) will sign nothing from \(end) on.")
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "disable", abstract: "Keep an access key from signing anything more, on every instance within five seconds.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: ArgumentHelp("The id of the key, as weir keys list shows it.", valueName: "id"))
        var id: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Keys.open(flags) { keys, _ in
                guard try await keys.disable(id) else { throw Refused("There is no access key \(id).") }
                print("Disabled \(id).")
            }
        }
    }

    struct Rewrap: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rewrap", abstract: "Rotate the master key, beside the instances that run.",
            discussion: """
                In four steps, after each of which the key file goes to every instance, which takes it at SIGHUP: --add-key puts a new key into the \
                file, behind the old one; --swap has the new one seal; without a flag every secret in the database is sealed by it; and --drop-old \
                takes the old one out of the file. Each may be stopped and run again. ops/runbook.md has the steps.

                \(ConfigurationFlags.discussion)
                """)

        enum Step: String, EnumerableFlag {
            case addKey
            case swap
            case dropOld
        }

        @Flag(help: "Change the key file in place of the database.")
        var step: Step?

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                let rotation = MasterKeyRotation(store: deployment.store, masterKey: try await deployment.masterKey())
                let path = configuration.masterKeyFile
                let bytes = try PrivateFile.read(path) ?? []
                let (first, second) = (Array(bytes.prefix(32)), Array(bytes.dropFirst(32)))
                switch step {
                case .addKey:
                    guard second.isEmpty else { throw Refused("\(path) holds two keys already.") }
                    try write(first + MasterKey.randomBytes(), path)
                    print("\(path) holds a new key too. Give it to every instance, and SIGHUP; then: weir keys rewrap --swap")
                case .swap:
                    guard !second.isEmpty else { throw Refused("\(path) holds one key: begin with --add-key.") }
                    try write(second + first, path)
                    print("The other key of \(path) seals from now on. Give it to every instance, and SIGHUP; then: weir keys rewrap")
                case .dropOld:
                    guard !second.isEmpty else { return print("\(path) holds one key.") }
                    let left = try await rotation.left()
                    guard left == 0 else {
                        throw Refused(
                            "\(left) secrets need the second key of \(path): run weir keys rewrap, with the key that is to stay first.")
                    }
                    try write(first, path)
                    print("\(path) holds one key. Give it to every instance, and SIGHUP.")
                case nil:
                    print("\(try await rotation.run()) secrets were sealed anew, \(try await rotation.left()) are left.")
                }
            }
        }

        private func write(_ bytes: [UInt8], _ path: String) throws {
            _ = try PrivateFile.write(bytes, to: path, replacing: true)
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
