import ArgumentParser
import Settings

/// Shows the configuration as the other commands find it.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show the configuration: the value of a key, or all keys with where their values come from.",
        subcommands: [Get.self, List.self])

    struct Get: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get", abstract: "Print the value of a key, for scripts. Nothing is printed where it is empty.",
            discussion: ConfigurationFlags.discussion)

        @Argument(
            help: ArgumentHelp("The key, such as data-dir.", valueName: "key"),
            completion: .list(ConfigurationKey.all.map(\.name)))
        var key: String

        @Flag(help: "Print the value of database or sns-secret-access-key though it holds a secret.")
        var reveal = false

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() throws {
            let given = try flags.given()
            _ = try flags.read()
            guard let shown = given.shown(key), let text = given.texts[key] else { throw ValidationError("\(key): there is no such key.") }
            print(reveal ? text : shown)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Print every key with its value, without secrets, and where it comes from.",
            discussion: ConfigurationFlags.discussion)

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() throws {
            let given = try flags.given()
            _ = try flags.read()
            let rows = ConfigurationKey.all.map { key in
                [key.name, given.shown(key.name) ?? "", given.sources[key.name]?.rawValue ?? ""]
            }
            print(TextTable(["KEY", "VALUE", "FROM"], rows).text)
        }
    }
}
