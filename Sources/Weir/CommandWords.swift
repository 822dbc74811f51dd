import ArgumentParser
import Settings
import Store

/// The arguments of a command that has words and flags of its own besides the keys of the configuration, which are what is left in the end.
struct CommandWords {
    private(set) var rest: [String]

    init(_ arguments: [String]) { rest = arguments }

    /// Takes the first word; nil where there is none, or a flag stands there.
    mutating func takeFirst() -> String? {
        guard let first = rest.first, first == "-" || !first.hasPrefix("-") else { return nil }
        return rest.removeFirst()
    }

    /// Takes `--name VALUE` or `--name=VALUE`, wherever it stands; nil where it does not.
    mutating func takeOption(_ name: String) throws -> String? {
        let flag = "--\(name)"
        guard let index = rest.firstIndex(where: { $0 == flag || $0.hasPrefix(flag + "=") }) else { return nil }
        let argument = rest.remove(at: index)
        guard argument == flag else { return String(argument.dropFirst(flag.count + 1)) }
        guard index < rest.count else { throw ValidationError("\(flag): the value is missing") }
        return rest.remove(at: index)
    }

    /// Takes `--name`, wherever it stands; false where it does not.
    mutating func takeFlag(_ name: String) -> Bool {
        guard let index = rest.firstIndex(of: "--\(name)") else { return false }
        rest.remove(at: index)
        return true
    }
}

extension Deployment {
    /// Opens the deployment for a command that works beside the instances that run; what is left of the words is the configuration.
    static func open<Command: ParsableCommand>(
        _ words: CommandWords, _ command: Command, _ body: (Deployment, ServerConfiguration) async throws -> Void
    ) async throws {
        if words.rest.contains("--help") || words.rest.contains("-h") { throw CleanExit.helpRequest(command) }
        try await open(ConfigurationFlags.parse(words.rest), body)
    }
}
