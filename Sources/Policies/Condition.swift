import IPAddresses

/// One condition of a statement: an operator, a key and the values that the policy gives.
struct Condition: Sendable {
    /// Which of several values of the request have to satisfy the operator.
    enum Quantifier: Sendable {
        /// Any; where the operator is negated, all.
        case none
        case any
        case all
    }

    /// How a value of the request is compared with those of the policy.
    enum Comparison: Sendable {
        case text([PolicyText], ignoringCase: Bool)
        case number(Relation, [Double])
        /// In milliseconds since the epoch.
        case date(Relation, [Int64])
        case bool([Bool])
        case address([IPNetwork])
        /// The six parts of each ARN.
        case arn([[PolicyText]])
        /// Whether the request is to lack the key.
        case null([Bool])
    }

    enum Relation: Sendable {
        case equal, less, lessOrEqual, greater, greaterOrEqual

        fileprivate func holds<Value: Comparable>(_ left: Value, _ right: Value) -> Bool {
            switch self {
            case .equal: left == right
            case .less: left < right
            case .lessOrEqual: left <= right
            case .greater: left > right
            case .greaterOrEqual: left >= right
            }
        }
    }

    /// As the policy writes it, for reasons.
    let operatorName: String
    let key: ContextKey
    let quantifier: Quantifier
    /// Whether it holds where the request lacks the key.
    let ifExists: Bool
    /// Whether a value satisfies it by being like none of the policy's.
    let isNegated: Bool
    let comparison: Comparison

    /// Whether the request satisfies it.
    func holds(in context: some PolicyContext) -> Bool {
        let values = context.values(of: key) ?? []
        if case .null(let wanted) = comparison { return wanted.contains(values.isEmpty) }
        guard !values.isEmpty else {
            if ifExists { return true }
            switch quantifier {
            case .none: return isNegated
            case .any: return false
            case .all: return true
            }
        }
        func satisfies(_ value: String) -> Bool { matches(value, context) != isNegated }
        switch quantifier {
        case .none: return isNegated ? values.allSatisfy(satisfies) : values.contains(where: satisfies)
        case .any: return values.contains(where: satisfies)
        case .all: return values.allSatisfy(satisfies)
        }
    }

    /// Whether a value is like one of the policy's. A value that is of another type is like none.
    private func matches(_ value: String, _ context: some PolicyContext) -> Bool {
        switch comparison {
        case .text(let texts, let ignoringCase):
            let scalars = (ignoringCase ? value.lowercased() : value).scalars
            return texts.contains { $0.matches(scalars, context) }
        case .number(let relation, let numbers):
            guard let number = Double(policyNumber: value) else { return false }
            return numbers.contains { relation.holds(number, $0) }
        case .date(let relation, let dates):
            guard let date = policyDate(value) else { return false }
            return dates.contains { relation.holds(date, $0) }
        case .bool(let wanted):
            guard let bool = Bool(value.lowercased()) else { return false }
            return wanted.contains(bool)
        case .address(let blocks):
            guard let address = IPAddress(value) else { return false }
            // A connection may show an address of IPv4 as IPv6 maps it.
            return blocks.contains { $0.contains(address.mappedIPv4 ?? address) }
        case .arn(let patterns):
            let parts = value.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map { String($0).scalars }
            guard parts.count == 6 else { return false }
            return patterns.contains { pattern in zip(pattern, parts).allSatisfy { $0.matches($1, context) } }
        case .null: return false
        }
    }

    /// The keys that it reads of a request.
    var keys: [ContextKey] {
        switch comparison {
        case .text(let texts, _): [key] + texts.flatMap(\.keys)
        case .arn(let patterns): [key] + patterns.flatMap { $0.flatMap(\.keys) }
        case .number, .date, .bool, .address, .null: [key]
        }
    }
}

extension Condition {
    /// A condition as a policy writes it. Throws what is wrong, with the number of the value where it is one of them.
    init(
        operator name: String, key: String, values: [String], hasVariables: Bool
    ) throws(ConditionFailure) {
        var rest = Substring(name)
        var quantifier = Quantifier.none
        for (prefix, meant) in [("ForAnyValue:", Quantifier.any), ("ForAllValues:", .all)] where rest.hasPrefix(prefix) {
            quantifier = meant
            rest = rest.dropFirst(prefix.count)
        }
        let ifExists = rest.hasSuffix("IfExists")
        if ifExists { rest = rest.dropLast("IfExists".count) }
        guard let kind = Operator(rest), kind.form != .null || (!ifExists && quantifier == .none) else {
            throw ConditionFailure("\(name) is no operator of conditions", value: nil)
        }
        let form = PolicyText.Form(
            hasWildcards: kind.form == .text(wildcards: true, ignoringCase: false) || kind.form == .arn, hasVariables: hasVariables,
            ignoresCase: kind.form == .text(wildcards: false, ignoringCase: true))
        func read<Value>(_ what: String, _ read: (String) throws(PolicyText.Failure) -> Value?) throws(ConditionFailure) -> [Value] {
            var found: [Value] = []
            for (index, value) in values.enumerated() {
                do throws(PolicyText.Failure) {
                    guard let value = try read(value) else { throw PolicyText.Failure(message: "\(value) is not \(what)") }
                    found.append(value)
                } catch {
                    throw ConditionFailure(error.message, value: index)
                }
            }
            return found
        }
        func text(_ value: String) throws(PolicyText.Failure) -> PolicyText? { try PolicyText(value, form) }
        func arn(_ value: String) throws(PolicyText.Failure) -> [PolicyText]? {
            try PolicyText(value == "*" ? "*:*:*:*:*:*" : value, form).arnParts()
        }
        operatorName = name
        self.key = ContextKey(key)
        self.quantifier = quantifier
        self.ifExists = ifExists
        isNegated = kind.isNegated
        switch kind.form {
        case .text(_, let ignoringCase): comparison = .text(try read("a text", text), ignoringCase: ignoringCase)
        case .number(let relation): comparison = .number(relation, try read("a number") { Double(policyNumber: $0) })
        case .date(let relation):
            comparison = .date(relation, try read("a date, such as 2026-01-31T12:00:00Z or seconds since 1970", policyDate))
        case .bool: comparison = .bool(try read("true or false") { Bool($0.lowercased()) })
        case .address: comparison = .address(try read("an address or a block of them, such as 10.0.0.0/8") { IPNetwork($0) })
        case .arn: comparison = .arn(try read("an ARN of six parts", arn))
        case .null: comparison = .null(try read("true or false") { Bool($0.lowercased()) })
        }
    }

    /// An operator without what may stand before and after its name.
    private struct Operator {
        enum Form: Equatable {
            case text(wildcards: Bool, ignoringCase: Bool)
            case number(Relation)
            case date(Relation)
            case bool, address, arn, null
        }

        let form: Form
        var isNegated = false

        init?(_ name: Substring) {
            for (prefix, make) in [("Numeric", Form.number), ("Date", Form.date)] where name.hasPrefix(prefix) {
                switch name.dropFirst(prefix.count) {
                case "Equals": form = make(.equal)
                case "NotEquals": (form, isNegated) = (make(.equal), true)
                case "LessThan": form = make(.less)
                case "LessThanEquals": form = make(.lessOrEqual)
                case "GreaterThan": form = make(.greater)
                case "GreaterThanEquals": form = make(.greaterOrEqual)
                default: return nil
                }
                return
            }
            switch name {
            case "StringEquals": form = .text(wildcards: false, ignoringCase: false)
            case "StringNotEquals": (form, isNegated) = (.text(wildcards: false, ignoringCase: false), true)
            case "StringEqualsIgnoreCase": form = .text(wildcards: false, ignoringCase: true)
            case "StringNotEqualsIgnoreCase": (form, isNegated) = (.text(wildcards: false, ignoringCase: true), true)
            case "StringLike": form = .text(wildcards: true, ignoringCase: false)
            case "StringNotLike": (form, isNegated) = (.text(wildcards: true, ignoringCase: false), true)
            case "Bool": form = .bool
            case "IpAddress": form = .address
            case "NotIpAddress": (form, isNegated) = (.address, true)
            case "ArnEquals", "ArnLike": form = .arn
            case "ArnNotEquals", "ArnNotLike": (form, isNegated) = (.arn, true)
            case "Null": form = .null
            default: return nil
            }
        }
    }
}

/// Why a condition cannot be read. `value` is the number of the value that is wrong; nil where the operator is.
struct ConditionFailure: Error {
    let message: String
    let value: Int?

    init(_ message: String, value: Int?) {
        self.message = message
        self.value = value
    }
}
