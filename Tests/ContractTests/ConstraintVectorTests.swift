import Foundation
import Testing

@testable import Contract

/// The vectors in `Tests/Vectors/contract`, which are made from another description of the API than ours, against what the operations
/// decode; and a search for rules that no vector would miss.
@Suite struct ConstraintVectorTests {
    /// Those with an input in the body: a vector is a body. PutMedia's is in headers, of which BindingTests has the edges.
    private static let withVectors = OperationID.allCases.filter { $0.contract.payload == .json }

    @Test(arguments: withVectors)
    func vectorsAreAnsweredAsTheySay(_ id: OperationID) throws {
        for vector in try Vector.load(id) {
            #expect(id.operation.outcome(of: vector.body) == vector.outcome, "\(vector.name)")
        }
    }

    /// Leaves out one rule after the other, each time for all of the operation's vectors: at least one of them must notice.
    @Test func aRuleThatIsLeftOutIsMissed() throws {
        var dropped = 0
        var vectors = 0
        var unnoticed: [String] = []
        for id in Self.withVectors {
            let ofOperation = try Vector.load(id)
            vectors += ofOperation.count
            for rule in DroppedRule.all(of: id.contract.input) {
                dropped += 1
                let isNoticed = ofOperation.contains { vector in
                    id.operation.outcome(of: vector.body, dropping: rule) != vector.outcome
                }
                if !isNoticed { unnoticed.append("\(id.rawValue) \(rule)") }
            }
        }
        print("rules left out: \(dropped), unnoticed: \(unnoticed.count), vectors: \(vectors)")
        #expect(unnoticed.isEmpty)
        #expect(vectors >= dropped, "fewer vectors than rules")
        #expect(dropped >= 350, "the walk over the shapes finds too few rules")
    }

    /// The search can find something: with no vector but an accepted one, every rule goes unnoticed; with one that breaks a rule, that
    /// rule alone is missed.
    @Test func theSearchCanFail() throws {
        let rules = DroppedRule.all(of: UntagStream.contract.input)
        let accepted = Array(#"{"TagKeyList":["a"]}"#.utf8)
        let refused = Array(#"{"TagKeyList":["a","b,"]}"#.utf8)
        let intact = UntagStream.outcome(of: refused)
        #expect(intact == .validation([Broken(path: "tagKeyList.2.member", rule: Constraint.pattern(.tagKey).text)]))
        var noticed: [String] = []
        for rule in rules {
            #expect(UntagStream.outcome(of: accepted, dropping: rule) == .accepted)
            if UntagStream.outcome(of: refused, dropping: rule) != intact { noticed.append("\(rule)") }
        }
        #expect(noticed == ["tagKeyList.*.member: \(Constraint.pattern(.tagKey).text)"])
    }

    /// What is left out is left out once: the same rule of another member, and other rules of the same, are still noticed.
    @Test func oneRuleIsLeftOutAtATime() {
        let body = Array(#"{"Tags":{"a,":"b,","c,":"d,"},"StreamName":"a b"}"#.utf8)
        let key = DroppedRule(path: ["tags", "key"], rule: .pattern(.tagKey))
        let value = DroppedRule(path: ["tags", "*.value"], rule: .pattern(.tagValue))
        let keys = Broken(path: "tags.key", rule: Constraint.pattern(.tagKey).text)
        let values = ["a,", "c,"].map { Broken(path: "tags.\($0).value", rule: Constraint.pattern(.tagValue).text) }
        let name = Broken(path: "streamName", rule: Constraint.pattern(.resourceName).text)
        #expect(TagStream.outcome(of: body) == .validation([keys, keys, name] + values))
        #expect(TagStream.outcome(of: body, dropping: key) == .validation([name] + values))
        #expect(TagStream.outcome(of: body, dropping: value) == .validation([keys, keys, name]))
        #expect(UntagStream.outcome(of: [], dropping: DroppedRule(path: ["tagKeyList"], rule: .required)) == .accepted)
    }
}

// MARK: What comes out

/// A broken rule, as a client is told of it.
private struct Broken: Hashable, Comparable {
    let path: String
    let rule: String

    static func < (left: Broken, right: Broken) -> Bool { (left.path, left.rule) < (right.path, right.rule) }
}

private enum Outcome: Equatable {
    case accepted
    case serialization
    /// The order does not count, but how often each occurs does.
    case broken([Broken])

    static func validation(_ broken: [Broken]) -> Outcome { .broken(broken.sorted()) }
}

extension Contract.Operation {
    fileprivate static func outcome(of body: [UInt8], dropping dropped: DroppedRule? = nil) -> Outcome {
        var decoding = if let dropped { Decoding(overlooking: { dropped.covers($0, $1) }) } else { Decoding() }
        do {
            let decoded = try body.withUnsafeBytes { try read($0, &decoding) }
            if !decoding.violations.isEmpty {
                return .validation(decoding.violations.map { Broken(path: $0.path, rule: $0.constraint.text) })
            }
            // Nothing but a rule that was left out may be in the way.
            return decoded != nil || dropped != nil ? .accepted : .validation([])
        } catch let error as OperationError where error.code == .serialization {
            return .serialization
        } catch {
            return .validation([])
        }
    }
}

// MARK: Rules

/// One rule of one operation's input: where it applies, with `*` for any number of an element and any key of a map.
private struct DroppedRule: CustomStringConvertible {
    let path: [String]
    let rule: Constraint

    var description: String { "\(path.joined(separator: ".")): \(rule.text)" }

    func covers(_ path: [String], _ rule: Constraint) -> Bool {
        path.count == self.path.count && rule.text == self.rule.text
            && zip(self.path, path).allSatisfy { pattern, element in
                pattern.hasPrefix("*") ? element.hasSuffix(pattern.dropFirst()) : element == pattern
            }
    }

    /// Every rule of a shape that something can break; that a length is at least 0 is none.
    static func all(of schema: Schema, at path: [String] = []) -> [DroppedRule] {
        var rules: [DroppedRule] = []
        for constraint in schema.constraints {
            switch constraint {
            case .minimumLength(0), .minimumCount(0): continue
            case .minimumLength, .maximumLength, .pattern, .oneOf, .minimum, .maximum, .minimumCount, .maximumCount, .required:
                rules.append(DroppedRule(path: path, rule: constraint))
            }
        }
        switch schema.kind {
        case .string, .boolean, .integer, .long, .timestamp: break
        case .list(let element):
            rules += present(element, at: path + ["*.member"])
        case .map(let key, let value):
            rules += all(of: key, at: path + ["key"])
            rules += present(value, at: path + ["*.value"])
        case .structure(_, let members):
            for member in members {
                let inner = path + [member.name.prefix(1).lowercased() + member.name.dropFirst()]
                rules += member.isRequired ? present(member.schema, at: inner) : all(of: member.schema, at: inner)
            }
        }
        return rules
    }

    private static func present(_ schema: Schema, at path: [String]) -> [DroppedRule] {
        [DroppedRule(path: path, rule: .required)] + all(of: schema, at: path)
    }
}

// MARK: Vectors

/// A request body and what it is to be answered with.
private struct Vector {
    let name: String
    let body: [UInt8]
    let outcome: Outcome

    /// The vectors of an operation. `Tests/Vectors/contract/README.md` tells their form.
    static func load(_ id: OperationID) throws -> [Vector] {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = try Data(contentsOf: tests.appending(path: "Vectors/contract/\(id.rawValue).json"))
        return try elements(of: JSONParser.parse(Array(file))).map { try Vector($0, of: id) }
    }

    private init(_ json: JSONValue, of id: OperationID) throws {
        guard case .object(let members) = json, members["operation"] == .string(id.rawValue), case .string(let name) = members["case"]
        else { throw Malformed(text: "\(json)") }
        self.name = name
        switch (members["body"], members["bodyText"]) {
        case (.some(let body), nil):
            var writer = JSONWriter()
            writer.value(try Self.repeating(body, as: members["repeat"]))
            self.body = writer.bytes
        case (nil, .string(let text)): body = Array(text.utf8)
        case (_, _): throw Malformed(text: name)
        }
        switch members["error"] {
        case .null: outcome = .accepted
        case .string("SerializationException"): outcome = .serialization
        case .string("ValidationException"):
            outcome = .validation(
                try Self.elements(of: members["violations"] ?? .null).map { violation in
                    guard case .object(let violation) = violation, case .string(let path) = violation["path"],
                        case .string(let rule) = violation["rule"]
                    else { throw Malformed(text: name) }
                    return Broken(path: path, rule: rule)
                })
        case nil, .bool, .integer, .number, .string, .array, .object: throw Malformed(text: name)
        }
    }

    /// The body with the only elements of these lists as often as it says.
    private static func repeating(_ body: JSONValue, as counts: JSONValue?) throws -> JSONValue {
        guard let counts else { return body }
        guard case .object(let members) = body, case .object(let counts) = counts else { throw Malformed(text: "\(body)") }
        return .object(
            JSONObject(
                try members.members.map { member in
                    switch counts[member.key] {
                    case .integer(let count):
                        guard case .array(let only) = member.value, let element = only.first, only.count == 1 else {
                            throw Malformed(text: member.key)
                        }
                        return (member.key, .array(Array(repeating: element, count: Int(count))))
                    case nil: return member
                    case .null, .bool, .number, .string, .array, .object: throw Malformed(text: member.key)
                    }
                }))
    }

    private static func elements(of json: JSONValue) throws -> [JSONValue] {
        guard case .array(let elements) = json else { throw Malformed(text: "\(json)") }
        return elements
    }

    /// A vector that is not as its README says.
    private struct Malformed: Error {
        let text: String
    }
}
