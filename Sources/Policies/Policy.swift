import Contract

/// A policy in IAM's JSON language, read and checked once, as it is attached to whoever calls.
///
/// IAM user guide, "IAM JSON policy elements reference". There is no Principal: whom a policy is attached to is no part of it. One that says who may
/// take a role on is a `TrustPolicy`.
public struct Policy: Sendable {
    /// Tells it from others in reasons.
    public let name: String
    let statements: [Statement]

    /// Bytes that a document may have, and characters apart from white space. IAM user guide, "IAM and STS quotas": managed policies.
    public static let maximumBytes = 32_768
    public static let maximumCharacters = 6144

    /// The policy that a document spells. Throws the first mistake in it.
    public init(_ name: String, _ document: String) throws(PolicyMistake) {
        self.name = name
        statements = try Self.statements(document, maximumCharacters: Self.maximumCharacters, isTrust: false)
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
    /// Whom a statement of trust is about; nobody in a policy that is attached.
    let principals: Principals

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
    /// Reads a document: one that is attached, or one of trust.
    static func statements(_ document: String, maximumCharacters: Int, isTrust: Bool) throws(PolicyMistake) -> [Statement] {
        let bytes = Array(document.utf8)
        guard bytes.count <= maximumBytes, document.unicodeScalars.count(where: { !$0.properties.isWhitespace }) <= maximumCharacters
        else {
            throw PolicyMistake(
                "a policy has at most \(maximumCharacters) characters besides white space, and \(maximumBytes) bytes", offset: 0, in: bytes)
        }
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONParser.parse(bytes, maximumDepth: 8)
        } catch {
            throw PolicyMistake("this is not JSON: \(error.message)", offset: error.offset, in: bytes)
        }
        do throws(Misplaced) { return try statements(json, isTrust: isTrust) } catch { throw error.found(in: bytes) }
    }

    private static func statements(_ json: JSONValue, isTrust: Bool) throws(Misplaced) -> [Statement] {
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
            let statement = try Statement(item, hasVariables: hasVariables, isTrust: isTrust)
            if let sid = statement.sid, statements.contains(where: { $0.sid == sid }) {
                throw Misplaced("the Sid \(sid) is given twice", at: item.place)
            }
            statements.append(statement)
        }
        return statements
    }
}

extension Statement {
    fileprivate init(_ item: Item, hasVariables: Bool, isTrust: Bool) throws(Misplaced) {
        var (sid, effect): (String?, Effect?)
        var actions: (Item, isNegated: Bool)?
        var resources: (Item, isNegated: Bool)?
        var conditions: [Condition] = []
        var principals: Principals?
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
            case "Resource" where isTrust, "NotResource" where isTrust:
                throw Misplaced("trust is about the role that it belongs to, and has no \(key)", at: item.place.name)
            case "Resource", "NotResource":
                guard resources == nil else { throw Misplaced("a statement has either Resource or NotResource", at: item.place.name) }
                resources = (item, key == "NotResource")
            case "Condition": conditions = try Self.conditions(item, hasVariables: hasVariables)
            case "Principal" where isTrust: principals = try Principals(item)
            case "Principal", "NotPrincipal":
                guard !isTrust else { throw Misplaced("trust names a Principal, and no NotPrincipal", at: item.place.name) }
                throw Misplaced("a policy applies to whom it is attached to, and has no \(key)", at: item.place.name)
            default:
                throw Misplaced(
                    "a statement has Sid, Effect, Action or NotAction, Resource or NotResource, and Condition, and no \(key)",
                    at: item.place.name)
            }
        }
        guard let effect else { throw Misplaced("Effect is missing", at: item.place) }
        guard let actions else { throw Misplaced("Action, or NotAction, is missing", at: item.place) }
        guard isTrust || resources != nil else { throw Misplaced("Resource, or NotResource, is missing", at: item.place) }
        guard !isTrust || principals != nil else { throw Misplaced("Principal is missing", at: item.place) }
        self.sid = sid
        self.effect = effect
        negatesActions = actions.isNegated
        self.actions = try Self.actions(actions.0)
        negatesResources = resources?.isNegated ?? false
        self.resources =
            try resources.map { resources throws(Misplaced) in
                try Self.resources(resources.0, hasVariables: hasVariables)
            } ?? []
        self.conditions = conditions
        self.principals = principals ?? Principals()
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

extension Principals {
    fileprivate init(_ item: Item) throws(Misplaced) {
        if case .string("*") = item.value {
            isAnyone = true
            return
        }
        for (kind, item) in try item.members("Principal, where it is not *,") {
            for item in try item.elements() {
                let text = try item.text("a principal")
                switch kind {
                case "AWS" where text == "*": isAnyone = true
                case "AWS":
                    guard let account = Self.account(text) else {
                        throw Misplaced(
                            "a principal is *, an account of twelve digits, or an ARN such as arn:aws:iam::123456789012:user/NAME, without wildcards",
                            at: item.place)
                    }
                    if text.hasSuffix(":root") || text == account { accounts.insert(account) } else { arns.insert(text) }
                case "Service": services.insert(text)
                default: throw Misplaced("Principal has AWS and Service, and no \(kind)", at: item.place.name)
                }
            }
        }
    }

    /// The account of what a principal is named by; nil where it is no such name.
    private static func account(_ text: String) -> String? {
        func isAccount(_ text: String) -> Bool { text.utf8.count == 12 && text.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        if isAccount(text) { return text }
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0] == "arn", parts[1].hasPrefix("aws"), parts[3].isEmpty, isAccount(parts[4]),
            !text.contains("*"), !text.contains("?")
        else { return nil }
        let path = parts[5].split(separator: "/", omittingEmptySubsequences: false)
        switch (parts[2], path.first) {
        case ("iam", "root"): return path.count == 1 ? parts[4] : nil
        case ("iam", "user"), ("iam", "role"): return path.count == 2 && !path[1].isEmpty ? parts[4] : nil
        case ("sts", "assumed-role"): return path.count == 3 && !path[1].isEmpty && !path[2].isEmpty ? parts[4] : nil
        default: return nil
        }
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
