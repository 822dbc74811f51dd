import Contract
import Files
import FoundationEssentials

/// What was given for each key, by whom, before the values are checked: flags win over the environment, which wins over the file.
package struct GivenConfiguration: Sendable {
    /// Where a value comes from.
    package enum Source: String, Sendable {
        case flag
        case environment
        case file
        case fallback = "default"
    }

    /// The text of every key.
    package let texts: [String: String]
    /// Where the text of every key comes from.
    package let sources: [String: Source]
    /// What is wrong with the forms of flags, variables and file, each fault by the name of what it is about. No fault holds a value.
    package let faults: [String]
    /// What the operator should know, though nothing is wrong.
    package let remarks: [String]

    /// Reads the file where one is named, and puts everything together.
    ///
    /// - Parameters:
    ///   - flags: Of the command.
    ///   - environment: Of the process.
    /// - Throws: `ServerConfiguration.Invalid` where the file cannot be read at all.
    package init(_ flags: ConfigurationFlags, environment: [String: String]) throws(ServerConfiguration.Invalid) {
        var faults = flags.faults
        var remarks: [String] = []
        let variables = Self.variables(environment, &faults, &remarks)
        var file: [String: String] = [:]
        if let path = flags.values["config"] ?? variables["config"] { file = try Self.values(ofFile: path, &faults) }
        var texts: [String: String] = [:]
        var sources: [String: Source] = [:]
        for key in ConfigurationKey.all {
            let name = key.name
            let (text, source): (String, Source) =
                if let text = flags.values[name] {
                    (text, .flag)
                } else if let text = variables[name] {
                    (text, .environment)
                } else if let text = file[name] {
                    (text, .file)
                } else {
                    (key.fallback, .fallback)
                }
            texts[name] = text
            sources[name] = source
            if key.isSecret, source == .flag, Self.holdsSecret(name, text) {
                remarks.append(
                    "--\(name) was given as a flag, which every user of this machine could see: give it as \(key.environmentName), or in the file"
                )
            }
        }
        self.texts = texts
        self.sources = sources
        self.faults = faults
        self.remarks = remarks
    }

    /// The value of a key as it may be shown; nil where there is no such key. Passwords are left out.
    package func shown(_ name: String) -> String? {
        guard let key = ConfigurationKey.all.first(where: { $0.name == name }), let text = texts[name] else { return nil }
        return key.isSecret && Self.holdsSecret(name, text) ? "(secret)" : text
    }

    /// Whether the value of a secret key does hold a secret: a database may be named without a password.
    package static func holdsSecret(_ name: String, _ text: String) -> Bool {
        guard name == "database" else { return !text.isEmpty }
        if text == "sqlite" || text.hasPrefix("sqlite:") { return false }
        guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else { return text.contains("password") }
        // USER:PASSWORD@HOST, or a password among the parameters.
        let authority = text.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
        let hasPassword = authority.lastIndex(of: "@").map { authority[..<$0].contains(":") } ?? false
        return hasPassword || text.contains("password")
    }

    // MARK: The environment

    /// The values of the variables of this program, by key, `config` among them.
    private static func variables(
        _ environment: [String: String], _ faults: inout [String], _ remarks: inout [String]
    ) -> [String: String] {
        let names = Dictionary(
            uniqueKeysWithValues: ConfigurationKey.all.map { ($0.environmentName, $0.name) } + [("WEIR_CONFIG", "config")])
        var values: [String: String] = [:]
        var links: [String] = []
        for (variable, text) in environment.sorted(by: { $0.key < $1.key }) where variable.hasPrefix("WEIR_") {
            if ServiceLink.isOne(variable, text) {
                links.append(variable)
            } else if let name = names[variable] {
                values[name] = text
            } else {
                faults.append("\(variable): there is no such key (in the environment)")
            }
        }
        if !links.isEmpty {
            remarks.append(
                "passed over, as it is how Kubernetes tells of services called weir (enableServiceLinks): \(links.joined(separator: ", "))")
        }
        return values
    }

    // MARK: The file

    private static func values(
        ofFile path: String, _ faults: inout [String]
    ) throws(ServerConfiguration.Invalid) -> [String: String] {
        guard let bytes = try? Data(contentsOf: URL(filePath: path)) else {
            throw ServerConfiguration.Invalid(faults: ["config: \(path) cannot be read"])
        }
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONParser.parse(Array(bytes))
        } catch {
            throw ServerConfiguration.Invalid(faults: ["config: \(path) is not valid JSON: \(error.message)"])
        }
        guard case .object(let object) = json else { throw ServerConfiguration.Invalid(faults: ["config: \(path) is not a JSON object"]) }
        var values: [String: String] = [:]
        var secrets: [String] = []
        for member in object.members {
            guard let key = ConfigurationKey.all.first(where: { $0.name == member.key }) else {
                faults.append("\(member.key): there is no such key (in \(path))")
                continue
            }
            switch member.value {
            case .string(let text): values[member.key] = text
            case .integer(let number): values[member.key] = String(number)
            case .bool(let flag): values[member.key] = String(flag)
            case .null, .number, .array, .object: faults.append("\(member.key): must be a string, a whole number or a boolean (in \(path))")
            }
            if key.isSecret, let text = values[member.key], holdsSecret(member.key, text) { secrets.append(member.key) }
        }
        if !secrets.isEmpty {
            do throws(PrivateFile.Failure) {
                _ = try PrivateFile.read(path)
            } catch {
                faults.append("config: \(secrets.joined(separator: ", ")) may not be in a file that others can read. \(error.description)")
            }
        }
        return values
    }
}

/// Variables by which Kubernetes and Docker tell a container of the services beside it. Those of a service called `weir`, or `weir-...`, begin as
/// the keys of this program do (Kubernetes: "Service", "Environment variables").
private enum ServiceLink {
    /// Whether a variable has the name and the value of such a one.
    static func isOne(_ variable: String, _ text: String) -> Bool {
        let words = variable.split(separator: "_", omittingEmptySubsequences: false).dropFirst()
        if isURL(text) { return words.last == "PORT" || isPort(words) }
        // WEIR_SERVICE_HOST, WEIR_SERVICE_PORT, WEIR_SERVICE_PORT_HTTP
        if let service = words.lastIndex(of: "SERVICE"), service + 1 < words.endIndex {
            let what = words[service + 1]
            return what == "HOST" && service + 2 == words.endIndex || what == "PORT" && Int(text) != nil
        }
        // WEIR_PORT_7080_TCP_ADDR, _PORT, _PROTO
        return ["ADDR", "PORT", "PROTO"].contains(words.last ?? "") && isPort(words.dropLast())
    }

    private static func isURL(_ text: String) -> Bool { protocols.contains { text.hasPrefix($0.lowercased() + "://") } }

    /// Whether these are the words of `..._PORT_7080_TCP`.
    private static func isPort(_ words: ArraySlice<Substring>) -> Bool {
        let last = words.suffix(3)
        return last.count == 3 && last.first == "PORT" && last.dropFirst().first.map { Int($0) != nil } == true
            && protocols.contains(last.last.map(String.init) ?? "")
    }

    private static let protocols = ["TCP", "UDP", "SCTP"]
}
