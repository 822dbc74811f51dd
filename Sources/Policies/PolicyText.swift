/// A text of a policy that may hold wildcards and variables, read once.
struct PolicyText: Sendable {
    fileprivate enum Element: Sendable {
        case literal([UInt32])
        case anyOne
        case anyRun
        case variable(ContextKey, default: [UInt32]?)
    }

    /// What characters mean in the text.
    struct Form {
        /// Whether `*` and `?` stand for others.
        var hasWildcards = true
        /// Whether `${...}` stands for another text. Version 2008-10-17 has no variables.
        var hasVariables = true
        /// Whether case is of no matter.
        var ignoresCase = false
    }

    private let elements: [Element]
    /// The pattern, where no variable has to be looked up for it.
    private let fixed: Wildcard?
    private let ignoresCase: Bool

    /// The text that cannot be read, with what is wrong.
    struct Failure: Error {
        let message: String
    }

    init(_ text: String, _ form: Form) throws(Failure) {
        self.init(try Self.elements(text, form), ignoresCase: form.ignoresCase)
    }

    private init(_ elements: [Element], ignoresCase: Bool) {
        self.elements = elements
        self.ignoresCase = ignoresCase
        var pattern = Wildcard()
        fixed = elements.allSatisfy { pattern.append($0, nil, ignoresCase: ignoresCase) } ? pattern : nil
    }

    /// The six parts of an ARN's pattern, each a text of its own; nil where there are fewer. The last may hold colons.
    func arnParts() -> [PolicyText]? {
        var parts: [[Element]] = [[]]
        for element in elements {
            guard case .literal(let scalars) = element else {
                parts[parts.count - 1].append(element)
                continue
            }
            let pieces = scalars.split(separator: 0x3A, maxSplits: 6 - parts.count, omittingEmptySubsequences: false)
            for (index, piece) in pieces.enumerated() {
                if index > 0 { parts.append([]) }
                if !piece.isEmpty { parts[parts.count - 1].append(.literal(Array(piece))) }
            }
        }
        return parts.count == 6 ? parts.map { PolicyText($0, ignoresCase: ignoresCase) } : nil
    }

    /// The variables in it.
    var keys: [ContextKey] {
        elements.compactMap { if case .variable(let key, _) = $0 { key } else { nil } }
    }

    /// Whether texts that differ only in the digits at their end may differ in whether they match.
    var looksAtLastDigits: Bool {
        guard case .anyRun = elements.last else { return true }
        guard elements.count > 1 else { return false }
        switch elements[elements.count - 2] {
        case .literal(let scalars): return scalars.last.map { (0x30...0x39).contains($0) } ?? true
        case .anyOne, .anyRun, .variable: return true
        }
    }

    /// Whether a text is as this one says. A text with a variable that has no value, or several, is as nothing.
    func matches(_ text: [UInt32], _ context: some PolicyContext) -> Bool {
        if let fixed { return fixed.matches(text) }
        var pattern = Wildcard()
        return elements.allSatisfy { pattern.append($0, context, ignoresCase: ignoresCase) } && pattern.matches(text)
    }

    private static func elements(_ text: String, _ form: Form) throws(Failure) -> [Element] {
        var elements: [Element] = []
        var literal: [UInt32] = []
        func flush() {
            if !literal.isEmpty { elements.append(.literal(form.ignoresCase ? literal.lowercased : literal)) }
            literal = []
        }
        let scalars = text.scalars
        var index = 0
        while index < scalars.count {
            switch scalars[index] {
            case 0x2A where form.hasWildcards:
                flush()
                if case .anyRun = elements.last {} else { elements.append(.anyRun) }
            case 0x3F where form.hasWildcards:
                flush()
                elements.append(.anyOne)
            case 0x24 where form.hasVariables && index + 1 < scalars.count && scalars[index + 1] == 0x7B:
                guard let end = scalars[index...].firstIndex(of: 0x7D) else {
                    throw Failure(message: "a variable begins with ${ and has no }")
                }
                let inside = String(String.UnicodeScalarView(scalars[(index + 2)..<end].compactMap(Unicode.Scalar.init)))
                if ["*", "?", "$"].contains(inside) {
                    literal += inside.scalars
                } else {
                    flush()
                    elements.append(try variable(inside))
                }
                index = end
            case let scalar: literal.append(scalar)
            }
            index += 1
        }
        flush()
        return elements
    }

    /// `KEY`, or `KEY, 'DEFAULT'`.
    private static func variable(_ text: String) throws(Failure) -> Element {
        let parts = text.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard name.contains(":"), !name.contains(where: { $0.isWhitespace && $0 != " " || "${'\"*?".contains($0) }) else {
            throw Failure(message: "${\(text)} names no variable, such as ${aws:username}")
        }
        guard parts.count == 2 else { return .variable(ContextKey(name), default: nil) }
        let given = parts[1].drop { $0 == " " }
        guard given.count >= 2, given.first == "'", given.last == "'", !given.dropFirst().dropLast().contains("'") else {
            throw Failure(message: "the default of ${\(name)} is written ${\(name), 'TEXT'}")
        }
        return .variable(ContextKey(name), default: String(given.dropFirst().dropLast()).scalars)
    }
}

extension Wildcard {
    /// Appends an element of a text; false where a variable has no value. What a variable stands for is taken as it is, also `*` and `?`.
    fileprivate mutating func append(_ element: PolicyText.Element, _ context: (any PolicyContext)?, ignoresCase: Bool) -> Bool {
        switch element {
        case .literal(let scalars): append(literal: scalars)
        case .anyOne: appendAnyOne()
        case .anyRun: appendAnyRun()
        case .variable(let key, let fallback):
            guard let context else { return false }
            let values = context.values(of: key) ?? []
            guard values.count < 2, let value = values.first?.scalars ?? fallback else { return false }
            append(literal: ignoresCase ? value.lowercased : value)
        }
        return true
    }
}

extension [UInt32] {
    fileprivate var lowercased: [UInt32] {
        String(String.UnicodeScalarView(compactMap(Unicode.Scalar.init))).lowercased().scalars
    }
}
