import ArgumentParser

/// The flags of a command by which the configuration is given: one for each key, and `--config`. They stand behind the command's own words.
///
/// The parser learns its options from the mirror of a value. This one is made from the list of keys, which so remains the only one.
package struct ConfigurationFlags: ParsableArguments, CustomReflectable {
    /// What was given, by key, `config` among them.
    package let values: [String: String]
    /// Words that the command does not know, each as a fault. Values are left out: one may be a secret behind a misspelt flag.
    package let faults: [String]

    package init() { (values, faults) = ([:], []) }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        var values: [String: String] = [:]
        for name in Self.names {
            values[name] = try container.decode(Option<String?>.self, forKey: Name(stringValue: name)).wrappedValue
        }
        self.values = values
        faults = Self.faults(in: try container.decode(Argument<[String]>.self, forKey: Name(stringValue: Self.rest)).wrappedValue)
    }

    package var customMirror: Mirror {
        var children: [Mirror.Child] = [
            (
                "config",
                Option<String?>(
                    name: .customLong("config"), parsing: .unconditional,
                    help: ArgumentHelp("JSON file with any of the keys below, as \"data-dir\".", valueName: "file"), completion: .file())
            )
        ]
        children += ConfigurationKey.all.map { key in
            let fallback = key.fallback.isEmpty ? "" : " (default: \(key.fallback))"
            let help = ArgumentHelp("\(key.help)\(fallback)", valueName: "value")
            return (key.name, Option<String?>(name: .customLong(key.name), parsing: .unconditional, help: help))
        }
        children.append((Self.rest, Argument<[String]>(wrappedValue: [], parsing: .allUnrecognized, help: .hidden)))
        return Mirror(self, children: children)
    }

    /// What the help of a command says of the configuration whose flags it lists.
    package static let precedence = """
        Every key is a flag, a variable of the environment (--data-dir is WEIR_DATA_DIR) or a member of the JSON object in the file that \
        --config or WEIR_CONFIG names. Flags win over the environment, which wins over the file.
        """

    /// What the help of a command says of the configuration whose flags it takes and does not list.
    package static let discussion = """
        The configuration is the server's, from its flags, environment and file: --data-dir, --database or --config is enough for most. \
        weir serve --help lists all keys.
        """

    private static let names = ["config"] + ConfigurationKey.all.map(\.name)
    private static let rest = "rest"

    /// Names what is no flag; the word behind an unknown flag is taken for its value.
    private static func faults(in rest: [String]) -> [String] {
        var faults: [String] = []
        var isBehindFlag = false
        for word in rest {
            if word.hasPrefix("-") {
                faults.append("\(word.prefix { $0 != "=" }): there is no such flag")
                isBehindFlag = !word.contains("=")
            } else {
                if !isBehindFlag { faults.append("\(word): there is no such word in this command") }
                isBehindFlag = false
            }
        }
        return faults
    }

    /// The name of a flag as the decoder asks for it.
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
