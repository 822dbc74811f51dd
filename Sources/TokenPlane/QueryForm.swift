import Contract
import Planes
import Store

/// The parameters of a call of the Query API, as a form has them. Lists are `NAME.member.N`, counted from 1.
struct QueryForm {
    static let version = "2011-06-15"
    private static let limit = 300
    /// SDKs send a list without elements as its name without a value: that is as if it were not given.
    private static let lists = ["Tags", "PolicyArns", "TransitiveTagKeys", "ProvidedContexts"]

    private var values: [String: String] = [:]

    init(_ body: UnsafeRawBufferPointer) throws(OperationError) {
        guard let text = String(validating: body, as: UTF8.self) else { throw OperationError(.validation, "The form is not UTF-8.") }
        let pairs = text.utf8.split(separator: UInt8(ascii: "&"))
        guard pairs.count <= Self.limit else { throw OperationError(.validation, "A form has at most \(Self.limit) parameters.") }
        for pair in pairs {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { String(validating: $0.formDecoded, as: UTF8.self) }
            guard let name = decoded.first ?? nil, let value = decoded.count > 1 ? decoded[1] : "" else {
                throw OperationError(.validation, "The form is not UTF-8.")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw OperationError(.validation, "The parameter \(name.prefix(64)) is given twice.")
            }
        }
    }

    subscript(name: String) -> String? { values[name] }

    /// Refuses what a call is given beyond those of its parameters that are supported, rather than ignoring it; a name that ends in a dot stands for
    /// all that begin so.
    func require(only names: [String]) throws(OperationError) {
        let known = ["Action", "Version"] + names
        let given = values.filter { !(Self.lists.contains($0.key) && $0.value.isEmpty) }.keys
        let unknown = given.filter { key in !known.contains { $0.hasSuffix(".") ? key.hasPrefix($0) : key == $0 } }.min()
        if let unknown { throw OperationError(.validation, "The parameter \(unknown.prefix(64)) is not supported.") }
    }

    /// A parameter of so many characters; nil where it is not given. Where `characters` are given, it has letters, digits and those.
    func text(_ name: String, _ length: ClosedRange<Int>, characters: String? = nil) throws(OperationError) -> String? {
        guard let text = values[name] else { return nil }
        guard length.contains(text.unicodeScalars.count) else {
            throw OperationError(.validation, "\(name) must have \(length.lowerBound) to \(length.upperBound) characters.")
        }
        if let characters {
            guard text.unicodeScalars.allSatisfy({ $0.isLetterOrDigit || characters.unicodeScalars.contains($0) }) else {
                throw OperationError(.validation, "\(name) must have letters, digits and the characters \(characters) only.")
            }
        }
        return text
    }

    func seconds(_ name: String, _ range: ClosedRange<Int64>) throws(OperationError) -> Int64? {
        guard let text = values[name] else { return nil }
        guard let seconds = Int64(text), range.contains(seconds) else {
            throw OperationError(.validation, "\(name) must be a number from \(range.lowerBound) to \(range.upperBound).")
        }
        return seconds
    }

    /// Session tags: at most 50, whose keys differ in more than case.
    func tags() throws(OperationError) -> [TagRecord] {
        let numbers = Set(
            values.keys.filter { $0.hasPrefix("Tags.member.") }.map { $0.split(separator: ".", omittingEmptySubsequences: false) }
                .map { $0.count == 4 ? Int($0[2]) ?? 0 : 0 })
        guard numbers == Set(1..<(numbers.count + 1)), numbers.count <= 50 else {
            throw OperationError(.validation, "Tags must be at most 50, given as Tags.member.N.Key and Tags.member.N.Value.")
        }
        var tags: [TagRecord] = []
        for number in numbers.sorted() {
            guard let key = try text("Tags.member.\(number).Key", 1...128), let value = try text("Tags.member.\(number).Value", 0...256)
            else {
                throw OperationError(.validation, "Each of Tags must have a Key and a Value.")
            }
            guard Pattern.tagKey.matches(key), Pattern.tagValue.matches(value) else {
                throw OperationError(.validation, "Tags must have letters, digits, spaces and the characters _.:/=+-@ only.")
            }
            guard !key.lowercased().hasPrefix("aws:") else { throw OperationError(.validation, "The prefix aws: of tags is reserved.") }
            guard !tags.contains(where: { $0.key.lowercased() == key.lowercased() }) else {
                throw OperationError(.validation, "Duplicate tag keys found: they are case insensitive.")
            }
            tags.append(TagRecord(key: key, value: value))
        }
        return tags
    }
}

extension Unicode.Scalar {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: false
        }
    }
}
