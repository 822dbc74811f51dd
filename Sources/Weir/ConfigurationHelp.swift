import ArgumentParser
import FoundationEssentials

/// What `--help` says of the configuration, made from the list of keys.
enum ConfigurationHelp {
    static let text: String = {
        let width = ServerConfiguration.keys.map(\.name.count).max() ?? 0
        let lines = ServerConfiguration.keys.map { key in
            let fallback = key.fallback.isEmpty ? "" : " (default: \(key.fallback))"
            return "  --\(key.name)\(String(repeating: " ", count: width - key.name.count))  \(key.help)\(fallback)"
        }
        return """
            Every key is a flag, a variable of the environment (--data-dir is WEIR_DATA_DIR) or a member of the JSON object in the file that \
            --config or WEIR_CONFIG names. Flags win over the environment, which wins over the file.

            \(lines.joined(separator: "\n"))
            """
    }()

    /// The configuration that a command was given; shows the help or the faults and ends the program where that is due.
    static func read<Command: ParsableCommand>(_ arguments: [String], for command: Command) throws -> ServerConfiguration {
        if arguments.contains("--help") || arguments.contains("-h") { throw CleanExit.helpRequest(command) }
        do {
            return try ServerConfiguration.read(arguments: arguments, environment: ProcessInfo.processInfo.environment)
        } catch let error as ServerConfiguration.Invalid {
            throw ValidationError(error.description)
        }
    }
}
