import ArgumentParser
import Contract
import FoundationEssentials
import Identity
import Policies
import Settings
import Store

/// Puts, shows and removes the policies of an account, and tells what they come to.
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Put, get, list and delete policies, and ask what they allow.",
        subcommands: [Put.self, Get.self, List.self, Delete.self, Simulate.self])

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "put", abstract: "Add a policy to the account, or change it, in effect on every instance within five seconds.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "1 to 128 letters, digits and the characters +=,.@_-")
        var name: String

        @Argument(help: "A file with the policy, in IAM's JSON language; - for the standard input.")
        var file: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func validate() throws {
            guard name.wholeMatch(of: /[A-Za-z0-9+=,.@_-]{1,128}/) != nil else {
                throw ValidationError("A policy's name is 1 to 128 letters, digits and the characters +=,.@_-")
            }
        }

        func run() async throws {
            let document = try PolicyCommand.document(file)
            let policy = try PolicyCommand.checked(name, document)
            try await Deployment.open(flags) { deployment, configuration in
                try await deployment.store.putPolicy(account: configuration.account, name: name, document: document)
                for remark in policy.remarks { print("Note: \(remark).") }
                print("Put \(name).")
            }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get", abstract: "Print a policy of the account, or a ready-made one: camera, viewer, operator, auditor.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The policy.")
        var name: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                let found = try await deployment.store.policy(account: configuration.account, name: name)
                guard let document = found ?? ReadyMadePolicy(rawValue: name)?.document else {
                    throw Refused("The account \(configuration.account) has no policy \(name), and there is none ready-made.")
                }
                print(document)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the policies of all accounts.", discussion: ConfigurationFlags.discussion)

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, _ in
                let rows = try await deployment.store.policies().map { policy in
                    [
                        policy.account, policy.name, "\(policy.users)", "\(policy.roles)",
                        TextTable.time(policy.changedAt),
                    ]
                }
                print(TextTable(["ACCOUNT", "POLICY", "USERS", "ROLES", "CHANGED"], rows).text)
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete", abstract: "Remove a policy that is attached to nobody.", discussion: ConfigurationFlags.discussion)

        @Argument(help: "The policy.")
        var name: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                switch try await deployment.store.removePolicy(account: configuration.account, name: name) {
                case .done: print("Removed \(name).")
                case .attached: throw Refused("The policy \(name) is attached: weir users detach, weir roles detach.")
                case .notFound, .nameInUse, .tooManyPolicies:
                    throw Refused("The account \(configuration.account) has no policy \(name).")
                }
            }
        }
    }

    struct Simulate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "simulate", abstract: "Say what policies make of an action, and why.",
            discussion: """
                Weighs the policies of a user or role, or those in files; nothing is called. It ends with status 0 where the action is allowed, else with 2.

                With --lines it reads questions from the standard input, a line of JSON each, and prints a line for each: \
                {"policies": ["DOCUMENT"], "action": "kinesisvideo:PutMedia", "resource": "ARN", "context": {"aws:SourceIp": "10.0.0.1"}}.


                """ + ConfigurationFlags.discussion)

        @Option(help: ArgumentHelp("The user of the account whose policies are weighed.", valueName: "name"))
        var user: String?

        @Option(help: ArgumentHelp("The role of the account whose policies are weighed.", valueName: "name"))
        var role: String?

        @Option(
            name: .customLong("file"), help: ArgumentHelp("A file with a policy to be weighed. May stand several times.", valueName: "file")
        )
        var files: [String] = []

        @Option(help: ArgumentHelp("Such as kinesisvideo:PutMedia.", valueName: "action"))
        var action: String?

        @Option(help: ArgumentHelp("An ARN; * for what is about the account as a whole.", valueName: "arn"))
        var resource = "*"

        @Option(
            name: .customLong("context"),
            help: ArgumentHelp("What else the request has, such as aws:SourceIp=10.0.0.1. May stand several times.", valueName: "key=value")
        )
        var context: [String] = []

        @Flag(help: "Read questions from the standard input.")
        var lines = false

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func validate() throws {
            guard !lines else { return }
            guard let action else { throw ValidationError("Name the --action, or give --lines.") }
            guard action.contains(":") else {
                throw ValidationError("--action: must be a service and an operation, such as kinesisvideo:PutMedia")
            }
            guard [user != nil, role != nil, !files.isEmpty].count(where: { $0 }) == 1 else {
                throw ValidationError("Give one of --user, --role and --file.")
            }
        }

        func run() async throws {
            guard let action else {
                while let line = readLine() { Output.write(PolicyQuestion.answer(to: line)) }
                return
            }
            var given: [(key: String, value: [String])] = []
            for pair in context {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2 else { throw ValidationError("--context: must be KEY=VALUE") }
                given.append((parts[0], [parts[1]]))
            }
            if let holder = user.map(PolicyHolder.user) ?? role.map(PolicyHolder.role) {
                try await Deployment.open(flags) { [given] deployment, configuration in
                    try await require(holder, account: configuration.account, deployment.store)
                    let grants = try await deployment.store.grants(of: holder, account: configuration.account)
                    var policies: [Policy] = []
                    for record in grants.policies { policies.append(try PolicyCommand.checked(record.name, record.document)) }
                    let tags = grants.tags.map { (key: "aws:PrincipalTag/\($0.key)", value: [$0.value]) }
                    // Whoever has taken a role on is no user.
                    let name = user.map { [(key: "aws:username", value: [$0])] } ?? []
                    try tell(PolicySet(policies), action, GivenContext(tags + name + given))
                }
            } else {
                var policies: [Policy] = []
                for file in files { policies.append(try PolicyCommand.checked(file, PolicyCommand.document(file))) }
                try tell(PolicySet(policies), action, GivenContext(given))
            }
        }

        /// Refuses a user or role that does not exist: "not allowed" would seem to follow from its policies.
        private func require(_ holder: PolicyHolder, account: String, _ store: Store) async throws {
            switch holder {
            case .user(let name):
                guard try await store.users().contains(where: { $0.account == account && $0.name == name }) else {
                    throw Refused("The account \(account) has no user \(name).")
                }
            case .role(let name):
                guard try await store.role(account: account, name: name) != nil else {
                    throw Refused("The account \(account) has no role \(name).")
                }
            }
        }

        private func tell(_ policies: PolicySet, _ action: String, _ context: GivenContext) throws {
            let decision = policies.decision(action, on: resource, context)
            switch decision {
            case .allowed(let statement): print("Allowed by \(statement).")
            case .denied(let statement): print("Denied by \(statement).")
            case .notAllowed: print("Not allowed by any statement.")
            }
            for reason in policies.reasons(action, on: resource, context) { print("  \(reason)") }
            guard decision.isAllowed else { throw ExitCode(2) }
        }
    }

    static func document(_ file: String) throws -> String {
        if file == "-" {
            var text = ""
            while let line = readLine(strippingNewline: false) { text += line }
            return text
        }
        guard let bytes = try? Data(contentsOf: URL(filePath: file)) else { throw Refused("\(file) cannot be read.") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw ValidationError("\(file) is not UTF-8.") }
        return text
    }

    private static func checked(_ name: String, _ document: String) throws -> Policy {
        do throws(PolicyMistake) { return try Policy(name, document) } catch { throw ValidationError("\(name), \(error)") }
    }
}

/// A question to policies as a line of JSON.
private struct PolicyQuestion {
    let policies: PolicySet
    let action: String
    let resource: String
    let context: GivenContext

    /// The answer as a line of JSON: `decision` is `allowed`, `explicitDeny` or `implicitDeny`, as IAM's simulator has it; or `error`.
    static func answer(to line: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        do {
            let question = try PolicyQuestion(line)
            writer.key("decision")
            switch question.policies.decision(question.action, on: question.resource, question.context) {
            case .allowed(let statement):
                writer.string("allowed")
                writer.key("by")
                writer.string(statement.description)
            case .denied(let statement):
                writer.string("explicitDeny")
                writer.key("by")
                writer.string(statement.description)
            case .notAllowed: writer.string("implicitDeny")
            }
        } catch {
            writer.key("error")
            writer.string("\(error)")
        }
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    private init(_ line: String) throws {
        guard case .object(let question) = try JSONParser.parse(Array(line.utf8)), case .array(let documents) = question["policies"],
            case .string(let action) = question["action"], case .string(let resource) = question["resource"],
            case .object(let given) = question["context"] ?? .object(JSONObject())
        else { throw ValidationError("a question has policies, action, resource and context") }
        var policies: [Policy] = []
        for (index, document) in documents.enumerated() {
            guard case .string(let text) = document else { throw ValidationError("policies are strings") }
            policies.append(try Policy("policy \(index)", text))
        }
        var context: [(key: String, value: [String])] = []
        for (key, value) in given.members {
            switch value {
            case .string(let text): context.append((key, [text]))
            case .array(let values):
                context.append(
                    (
                        key,
                        try values.map {
                            guard case .string(let text) = $0 else { throw ValidationError("values of the context are strings") }
                            return text
                        }
                    ))
            case .null, .bool, .integer, .number, .object: throw ValidationError("values of the context are strings, or lists of them")
            }
        }
        self.policies = PolicySet(policies)
        self.action = action
        self.resource = resource
        self.context = GivenContext(context)
    }
}
