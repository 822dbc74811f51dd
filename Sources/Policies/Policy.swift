import Contract

/// A policy in IAM's JSON language, read and checked once, as it is attached to whoever calls.
///
/// IAM user guide, "IAM JSON policy elements reference". There is no Principal: whom a policy is attached to is no part of it.
public struct Policy: Sendable {
    /// Tells it from others in reasons.
    public let name: String
    let statements: [Statement]

    /// Bytes that a document may have, and characters apart from white space. IAM user guide, "IAM and STS quotas": managed policies.
    public static let maximumBytes = 32_768
    public static let maximumCharacters = 6144

    /// The policy that a document spells. Throws the first mistake in it.
    public init(_ name: String, _ document: String) throws(PolicyMistake) {
        let bytes = Array(document.utf8)
        guard bytes.count <= Self.maximumBytes,
            document.unicodeScalars.count(where: { !$0.properties.isWhitespace }) <= Self.maximumCharacters
        else {
            throw PolicyMistake(
                "a policy has at most \(Self.maximumCharacters) characters besides white space, and \(Self.maximumBytes) bytes", offset: 0,
                in: bytes)
        }
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONParser.parse(bytes, maximumDepth: 8)
        } catch {
            throw PolicyMistake("this is not JSON: \(error.message)", offset: error.offset, in: bytes)
        }
        self.name = name
        do throws(Misplaced) { statements = try Self.statements(json) } catch { throw error.found(in: bytes) }
    }

    /// What it asks of requests.
    public var keys: Set<ContextKey> { Set(statements.flatMap(\.keys)) }

    /// The actions that it names, as it writes them, each with whether it stands for one of `known`: one that does not may be misspelt.
    public func actions(among known: [String]) -> [(pattern: String, isKnown: Bool)] {
        statements.flatMap(\.actions).map { action in
            (action.text, known.contains { action.pattern.matches($0.lowercased().scalars) })
        }
    }
}

/// A statement of a policy.
struct Statement: Sendable {
    enum Effect: Sendable {
        case allow
        case deny
    }

    let sid: String?
    let effect: Effect
    let actions: [(text: String, pattern: Wildcard)]
    /// Whether it is about every action but those.
    let negatesActions: Bool
    let resources: [PolicyText]
    /// Whether it is about every resource but those.
    let negatesResources: Bool
    let conditions: [Condition]

    var keys: [ContextKey] { resources.flatMap(\.keys) + conditions.flatMap(\.keys) }

    /// Why a statement has nothing to say about a request.
    enum Obstacle: Sendable, Equatable {
        case action
        case resource
        /// The number of the condition.
        case condition(Int)
    }

    func isAbout(action: [UInt32]) -> Bool { actions.contains { $0.pattern.matches(action) } != negatesActions }

    func isAbout(resource: [UInt32], _ context: some PolicyContext) -> Bool {
        resources.contains { $0.matches(resource, context) } != negatesResources
    }

    /// The first thing that keeps it from applying; nil where it applies.
    func obstacle(action: [UInt32], resource: [UInt32], _ context: some PolicyContext) -> Obstacle? {
        guard isAbout(action: action) else { return .action }
        guard isAbout(resource: resource, context) else { return .resource }
        return conditions.firstIndex { !$0.holds(in: context) }.map { .condition($0) }
    }
}

// MARK: Reading

/// A value of the document and the way to it.
private struct Item {
    let value: JSONValue
    let place: Place

    /// The members of an object, each with the way to it.
    func members(_ what: String) throws(Misplaced) -> [(key: String, item: Item)] {
        guard case .object(let object) = value else { throw Misplaced("\(what) is an object", at: place) }
        return object.members.enumerated().map { index, member in
            (member.key, Item(value: member.value, place: place.member(member.key, index)))
        }
    }

    /// The elements of a list that is not empty; a single value is a list of it.
    func elements() throws(Misplaced) -> [Item] {
        guard case .array(let array) = value else { return [self] }
        guard !array.isEmpty else { throw Misplaced("an empty list has no meaning here: name at least one", at: place) }
        return array.enumerated().map { Item(value: $1, place: place.element($0)) }
    }

    func text(_ what: String) throws(Misplaced) -> String {
        guard case .string(let text) = value else { throw Misplaced("\(what) is a string", at: place) }
        return text
    }
}

extension Policy {
    fileprivate static func statements(_ json: JSONValue) throws(Misplaced) -> [Statement] {
        let document = Item(value: json, place: Place())
        var hasVariables = false
        var found: [Item]?
        for (key, item) in try document.members("a policy") {
            switch key {
            case "Version":
                let version = try item.text("Version")
                guard ["2012-10-17", "2008-10-17"].contains(version) else {
                    throw Misplaced("Version is 2012-10-17, or 2008-10-17, which knows no variables", at: item.place)
                }
                hasVariables = version == "2012-10-17"
            case "Id": _ = try item.text("Id")
            case "Statement": found = try item.elements()
            default: throw Misplaced("a policy has Version, Id and Statement, and no \(key)", at: item.place.name)
            }
        }
        guard let found else { throw Misplaced("Statement is missing", at: document.place) }
        var statements: [Statement] = []
        for item in found {
            let statement = try Statement(item, hasVariables: hasVariables)
            if let sid = statement.sid, statements.contains(where: { $0.sid == sid }) {
                throw Misplaced("the Sid \(sid) is given twice", at: item.place)
            }
            statements.append(statement)
        }
        return statements
    }
}

extension Statement {
    fileprivate init(_ item: Item, hasVariables: Bool) throws(Misplaced) {
        var (sid, effect): (String?, Effect?)
        var actions: (Item, isNegated: Bool)?
        var resources: (Item, isNegated: Bool)?
        var conditions: [Condition] = []
        for (key, item) in try item.members("a statement") {
            switch key {
            case "Sid":
                let text = try item.text("Sid")
                guard text.utf8.allSatisfy(\.isLetterOrDigit) else { throw Misplaced("Sid has letters and digits only", at: item.place) }
                sid = text.isEmpty ? nil : text
            case "Effect":
                switch try item.text("Effect") {
                case "Allow": effect = .allow
                case "Deny": effect = .deny
                default: throw Misplaced("Effect is Allow or Deny", at: item.place)
                }
            case "Action", "NotAction":
                guard actions == nil else { throw Misplaced("a statement has either Action or NotAction", at: item.place.name) }
                actions = (item, key == "NotAction")
            case "Resource", "NotResource":
                guard resources == nil else { throw Misplaced("a statement has either Resource or NotResource", at: item.place.name) }
                resources = (item, key == "NotResource")
            case "Condition": conditions = try Self.conditions(item, hasVariables: hasVariables)
            case "Principal", "NotPrincipal":
                throw Misplaced("a policy applies to whom it is attached to, and has no \(key)", at: item.place.name)
            default:
                throw Misplaced(
                    "a statement has Sid, Effect, Action or NotAction, Resource or NotResource, and Condition, and no \(key)",
                    at: item.place.name)
            }
        }
        guard let effect else { throw Misplaced("Effect is missing", at: item.place) }
        guard let actions else { throw Misplaced("Action, or NotAction, is missing", at: item.place) }
        guard let resources else { throw Misplaced("Resource, or NotResource, is missing", at: item.place) }
        self.sid = sid
        self.effect = effect
        negatesActions = actions.isNegated
        self.actions = try Self.actions(actions.0)
        negatesResources = resources.isNegated
        self.resources = try Self.resources(resources.0, hasVariables: hasVariables)
        self.conditions = conditions
    }

    private static func actions(_ item: Item) throws(Misplaced) -> [(text: String, pattern: Wildcard)] {
        var actions: [(text: String, pattern: Wildcard)] = []
        for item in try item.elements() {
            let text = try item.text("an action")
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            let isForm =
                parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty
                && parts[0].utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
                && parts[1].utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
            guard isForm || text == "*" else {
                throw Misplaced("an action is *, or a service and an operation, such as kinesisvideo:Describe*", at: item.place)
            }
            actions.append((text, Wildcard(text.lowercased())))
        }
        return actions
    }

    private static func resources(_ item: Item, hasVariables: Bool) throws(Misplaced) -> [PolicyText] {
        var resources: [PolicyText] = []
        for item in try item.elements() {
            let text = try item.text("a resource")
            let resource: PolicyText
            do throws(PolicyText.Failure) {
                resource = try PolicyText(text, PolicyText.Form(hasVariables: hasVariables))
            } catch {
                throw Misplaced(error.message, at: item.place)
            }
            guard text == "*" || (text.hasPrefix("arn:") && resource.arnParts() != nil) else {
                throw Misplaced(
                    "a resource is *, or an ARN of six parts, such as arn:aws:kinesisvideo:*:*:stream/NAME/*", at: item.place)
            }
            resources.append(resource)
        }
        return resources
    }

    private static func conditions(_ item: Item, hasVariables: Bool) throws(Misplaced) -> [Condition] {
        var conditions: [Condition] = []
        for (name, keys) in try item.members("Condition") {
            for (key, values) in try keys.members("what follows an operator") {
                guard key.contains(":"), !key.hasSuffix("/") else {
                    throw Misplaced("\(key) is no key of a request, such as aws:SourceIp", at: values.place.name)
                }
                let elements = try values.elements()
                var texts: [String] = []
                for element in elements { texts.append(try element.conditionValue()) }
                do throws(ConditionFailure) {
                    conditions.append(try Condition(operator: name, key: key, values: texts, hasVariables: hasVariables))
                } catch {
                    throw Misplaced(error.message, at: error.value.map { elements[$0].place } ?? keys.place.name)
                }
            }
        }
        return conditions
    }
}

extension Item {
    /// A string, number or truth value, as text.
    fileprivate func conditionValue() throws(Misplaced) -> String {
        switch value {
        case .string(let text): return text
        case .bool(let bool): return String(bool)
        case .integer(let integer): return String(integer)
        case .number(let number): return String(number)
        case .null, .array, .object: throw Misplaced("a value of a condition is a string, a number, true or false", at: place)
        }
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }
}
