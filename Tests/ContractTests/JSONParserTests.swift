import Contract
import Foundation
import Seeded
import Testing

@Suite struct JSONParserTests {
    // MARK: The corpus

    @Test func corpusIsAcceptedAndRefused() throws {
        let corpus = try Corpus.load()
        #expect(corpus.cases.count >= 250)
        for vector in corpus.cases {
            #expect(try accepts(vector.bytes()) == vector.isAccepted, "\(vector.name)")
        }
    }

    /// Every byte at which a document can end early is tried: no prefix of an object is a document.
    @Test func everyPrefixIsRefused() throws {
        let document = Array(#"{"a":[1,-2.5e3,"é\u00e9\ud83d\ude00",true,false,null,{"b":{}}],"ключ":"😀"}"#.utf8)
        #expect(accepts(document))
        for length in 0..<document.count {
            let error = failure(Array(document[..<length]))
            #expect(error != nil, "\(length)")
            #expect((error?.offset ?? .max) <= length)
        }
    }

    @Test func foundationDiffersOnlyWhereListed() throws {
        let corpus = try Corpus.load()
        for vector in corpus.cases {
            let bytes = try vector.bytes()
            let accepted = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            let isListed = corpus.differences.foundation[vector.name] != nil
            #expect((accepted != vector.isAccepted) == isListed, "\(vector.name): Foundation accepts it: \(accepted)")
        }
        #expect(Set(corpus.differences.foundation.keys).isSubset(of: corpus.cases.map(\.name)))
    }

    @Test func pythonDiffersOnlyWhereListed() throws {
        let corpus = try Corpus.load()
        let answers = try python(.asIs, corpus.cases.map { try $0.bytes() })
        for (vector, answer) in zip(corpus.cases, answers) {
            let isListed = corpus.differences.python[vector.name] != nil
            #expect(((answer != nil) != vector.isAccepted) == isListed, "\(vector.name): Python accepts it: \(answer != nil)")
        }
        #expect(Set(corpus.differences.python.keys).isSubset(of: corpus.cases.map(\.name)))
    }

    /// With hooks for what RFC 8259 leaves open and this parser refuses, Python agrees on every document and on every value.
    @Test func strictPythonAgreesOnTheCorpus() throws {
        let documents = try Corpus.load().cases.map { try $0.bytes() }
        try expectSameAsStrictPython(documents)
    }

    @Test func strictPythonAgreesOnMutants() throws {
        var mutator = try Mutator(seed: 0x5EED)
        try expectSameAsStrictPython((0..<20_000).map { _ in mutator.mutant() })
    }

    // MARK: Values

    @Test(
        arguments: [
            ("0", .integer(0)), ("-0", .integer(0)), ("-1", .integer(-1)), ("9223372036854775807", .integer(.max)),
            ("1e-9223372036854775807", .number(0)), ("1e-9223372036854775808", .number(0)), ("1e-9223372036854775809", .number(0)),
            ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(9223372036854775808)),
            ("-9223372036854775809", .number(-9223372036854775808)), ("18446744073709551616", .number(18446744073709551616)),
            ("1.0", .number(1)), ("1e2", .number(100)), ("-1.25E-3", .number(-0.00125)), ("0.1", .number(0.1)),
            ("5e-324", .number(.leastNonzeroMagnitude)),
            ("1e-400", .number(0)), ("9007199254740993e0", .number(9007199254740992)), ("1e23", .number(1e23)),
            ("true", .bool(true)), ("1", .integer(1)), ("null", .null), (#""\u00e9\/\ud83d\ude00""#, .string("é/😀")),
            (#"[1,"1",[]]"#, .array([.integer(1), .string("1"), .array([])])),
            (#"{"b":1,"a":{}}"#, .object(JSONObject([("b", .integer(1)), ("a", .object(JSONObject()))]))),
        ] as [(String, JSONValue)])
    func value(of text: String, is expected: JSONValue) throws {
        #expect(try JSONParser.parse(Array(text.utf8)) == expected)
    }

    @Test func minusZeroWithFractionKeepsItsSign() throws {
        guard case .number(let number) = try JSONParser.parse(Array("-0.0".utf8)) else {
            Issue.record("not a number")
            return
        }
        #expect(number.sign == .minus)
    }

    /// Random doubles, written in several ways, are read as the standard library reads them.
    @Test func doublesAreRoundedCorrectly() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            let digits =
                String(repeating: "9", count: Int.random(in: 0...12, using: &random))
                + "\(UInt64.random(in: 1...UInt64.max >> UInt64.random(in: 0...60, using: &random), using: &random))"
            let fraction = "\(Int.random(in: 0...99_999, using: &random))"
            let exponent = Int.random(in: -330...270, using: &random)
            let text =
                "\(Bool.random(using: &random) ? "-" : "")\(digits).\(fraction)e\(Bool.random(using: &random) ? exponent : exponent / 20)"
            #expect(try JSONParser.parse(Array(text.utf8)) == .number(try #require(Double(text))), "\(text)")
        }
    }

    /// The spelling of a name decides, not its meaning in Unicode: KELVIN SIGN is canonically equivalent to K.
    @Test func namesAreComparedScalarByScalar() throws {
        let value = try JSONParser.parse(Array("{\"\u{212A}ey\":1,\"\u{E9}\":2,\"e\u{301}\":3}".utf8))
        guard case .object(let object) = value else {
            Issue.record("not an object")
            return
        }
        #expect(object["Key"] == nil)
        #expect(object["\u{212A}ey"] == .integer(1))
        #expect(object["\u{E9}"] == .integer(2))
        #expect(object["e\u{301}"] == .integer(3))
        #expect(JSONValue.string("\u{212A}") != .string("K"))
        #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
    }

    @Test func casesAreNeverEqual() {
        let values: [JSONValue] = [.null, .bool(true), .integer(1), .number(1), .string("1"), .array([]), .object(JSONObject())]
        for (left, leftValue) in values.enumerated() {
            for (right, rightValue) in values.enumerated() {
                #expect((leftValue == rightValue) == (left == right))
            }
        }
        #expect(JSONObject([("a", .null)]) != JSONObject([("b", .null)]))
        #expect(JSONObject([("a", .null), ("b", .null)]) != JSONObject([("b", .null), ("a", .null)]))
    }

    // MARK: Errors

    @Test(
        arguments: [
            ("", .unexpectedEnd, 0), ("[1", .unexpectedEnd, 2), ("\"a", .unexpectedEnd, 2), ("tru", .unexpectedEnd, 3),
            ("1e", .unexpectedEnd, 2),
            ("\"\\u00", .unexpectedEnd, 5), ("[1,]", .unexpectedCharacter, 3), ("{\"a\":1,}", .unexpectedCharacter, 7),
            ("01", .unexpectedCharacter, 1), ("{} x", .unexpectedCharacter, 3), ("nulL", .unexpectedCharacter, 3),
            ("{\"a\" 1}", .unexpectedCharacter, 5), ("\u{FEFF}{}", .byteOrderMark, 0), ("[\"a\nb\"]", .controlCharacter, 3),
            ("[\"\\n\u{1}\"]", .controlCharacter, 4), ("\"a\\x\"", .invalidEscape, 2), ("\"\\u00g0\"", .invalidEscape, 1),
            ("\"\\ud83d\\ude0g\"", .invalidEscape, 7), ("\"ab\\ud800\"", .loneSurrogate, 3), ("\"\\udc00\"", .loneSurrogate, 1),
            ("[0,1e400]", .numberOutOfRange, 3), ("[1e9223372036854775808]", .numberOutOfRange, 1),
            ("{\"a\":1, \"\\u0061\":2}", .duplicateMember, 8),
        ] as [(String, JSONError.Kind, Int)])
    func error(of text: String, is kind: JSONError.Kind, at offset: Int) {
        #expect(failure(Array(text.utf8)) == JSONError(kind, offset: offset))
    }

    @Test func invalidUTF8IsFoundWhereItStarts() {
        #expect(failure(Array("\"abc".utf8) + [0xE2, 0x82, 0x22]) == JSONError(.invalidUTF8, offset: 4))
        #expect(failure(Array("\"\\n".utf8) + [0xED, 0xA0, 0x80, 0x22]) == JSONError(.invalidUTF8, offset: 3))
    }

    /// All sequences of up to four bytes whose acceptance depends on more than their class, against the standard library.
    @Test func utf8IsWhatTheStandardLibraryTakes() {
        let edges: [UInt8] = [
            0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3,
            0xF4, 0xF5, 0xFF,
        ]
        for first in edges {
            for second in edges {
                for third in edges {
                    for fourth in edges {
                        let bytes = [first, second, third, fourth]
                        let expected = String(validating: bytes, as: UTF8.self).map(JSONValue.string)
                        #expect((try? JSONParser.parse([0x22] + bytes + [0x22])) == expected, "\(bytes)")
                    }
                }
            }
        }
    }

    @Test func messagesTellKindAndOffsetAndNothingOfTheText() {
        #expect(JSONError(.unexpectedCharacter, offset: 17).message == "Unexpected character at offset 17")
        #expect(JSONError(.duplicateMember, offset: 31).message == "Duplicate member at offset 31")
        let messages = Set(JSONError.Kind.allCases.map { JSONError($0, offset: 0).message })
        #expect(messages.count == JSONError.Kind.allCases.count)
        #expect(failure(Array(#"{"secret":1,"secret":2}"#.utf8))?.message == "Duplicate member at offset 12")
    }

    // MARK: Bounds

    @Test(arguments: [0, 1, 2, 32, 512])
    func depthIsBounded(_ depth: Int) throws {
        let open = [UInt8](repeating: UInt8(ascii: "["), count: depth)
        let close = [UInt8](repeating: UInt8(ascii: "]"), count: depth)
        #expect(throws: Never.self) { try JSONParser.parse(open + Array("0".utf8) + close, maximumDepth: depth) }
        #expect(throws: JSONError(.tooDeep, offset: depth)) { try JSONParser.parse(open + Array("[]".utf8) + close, maximumDepth: depth) }
        #expect(throws: JSONError(.tooDeep, offset: depth)) { try JSONParser.parse(open + Array("{}".utf8) + close, maximumDepth: depth) }
    }

    /// One mebibyte, the largest body the service takes, of what is worst for one part of the parser each.
    @Test(arguments: [
        (String(repeating: "[", count: 1 << 20), false),
        (String(repeating: "{\"\":", count: 1 << 18), false),
        ("[" + repeated("[]", 1 << 20) + "]", true),
        ("[" + repeated("0", 1 << 20) + "]", true),
        ("[" + repeated("\"\"", 1 << 20) + "]", true),
        ("[" + repeated("{\"\":0}", 1 << 20) + "]", true),
        ("[" + repeated(String(repeating: "[", count: 31) + String(repeating: "]", count: 31), 1 << 20) + "]", true),
        ("{" + (0..<100_000).map { "\"\($0)\":1" }.joined(separator: ",") + "}", true),
        ("{" + (0..<100_000).map { "\"\($0)\":1" }.joined(separator: ",") + ",\"99999\":1}", false),
        ("\"" + String(repeating: "a", count: 1 << 20) + "\"", true),
        ("\"" + String(repeating: "\\u00e9", count: 1 << 18) + "\"", true),
        ("\"" + String(repeating: "\\ud83d", count: 1 << 18) + "\"", false),
        ("\"" + String(repeating: "é", count: 1 << 19) + "\"", true),
        ("0." + String(repeating: "1", count: 1 << 20), true),
        ("0." + String(repeating: "0", count: 1 << 20) + "1", true),
        (String(repeating: "1", count: 1 << 20), false),
        ("1e" + String(repeating: "1", count: 1 << 20), false),
        (String(repeating: " ", count: 1 << 20), false),
    ])
    func oneMebibyteIsRead(_ text: String, isAccepted: Bool) {
        #expect(accepts(Array(text.utf8)) == isAccepted)
    }

    // MARK: Mutants

    /// Whatever is accepted is written, in both layouts, as what is read as the same value again.
    @Test func mutantsAreRefusedOrSurviveARoundTrip() throws {
        var mutator = try Mutator(seed: 0xF00D)
        var accepted = 0
        for _ in 0..<40_000 {
            let mutant = mutator.mutant()
            guard let value = try? JSONParser.parse(mutant) else { continue }
            accepted += 1
            for layout in [JSONWriter.Layout.compact, .pretty] {
                var writer = JSONWriter(layout: layout)
                writer.value(value)
                #expect((try? JSONParser.parse(writer.bytes)) == value, "\(mutant)")
            }
        }
        #expect(accepted > 2_000, "the mutants no longer reach far into the parser: \(accepted)")
    }

    private func accepts(_ bytes: [UInt8]) -> Bool { failure(bytes) == nil }

    private func failure(_ bytes: [UInt8]) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONParser.parse(bytes)
            return nil
        } catch {
            return error
        }
    }

    private func expectSameAsStrictPython(_ documents: [[UInt8]]) throws {
        for (document, answer) in zip(documents, try python(.strict, documents)) {
            let expected = try answer.map { try JSONParser.parse(Array($0.utf8)) }
            #expect((try? JSONParser.parse(document)) == expected, "\(String(decoding: document, as: UTF8.self).debugDescription)")
        }
    }
}

private func repeated(_ item: String, _ length: Int) -> String {
    repeatElement(item, count: length / (item.utf8.count + 1)).joined(separator: ",")
}

/// The documents of `Tests/Vectors/json/cases.json`: `y_` must be accepted, `n_` refused, and of `i_`, which RFC 8259 leaves to the
/// parser, each case says what this one does.
private struct Corpus: Decodable {
    struct Vector: Decodable {
        let name: String
        let text: String?
        let base64: String?
        let accepted: Bool?

        var isAccepted: Bool { accepted ?? name.hasPrefix("y_") }

        func bytes() throws -> [UInt8] {
            if let text { return Array(text.utf8) }
            return Array(try #require(base64.flatMap { Data(base64Encoded: $0) }, "\(name)"))
        }
    }

    /// The cases in which another parser decides otherwise, with the reason.
    struct Differences: Decodable {
        let foundation: [String: String]
        let python: [String: String]
    }

    let cases: [Vector]
    let differences: Differences

    static func load() throws -> Corpus {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try JSONDecoder().decode(Corpus.self, from: Data(contentsOf: tests.appending(path: "Vectors/json/cases.json")))
    }
}

/// Makes documents that are almost those of the corpus.
private struct Mutator {
    private let seeds: [[UInt8]]
    private var random: SeededGenerator
    private static let pieces: [[UInt8]] = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\ude00", "\\u0061", "0", "-", ".", "e", "1e400",
        "12345678901234567890",
        "true", "null", " ", "\n", "\u{1}", "é", "😀", "\"a\":1", ",\"a\":1", "[]", "{}", "/", "'", "\u{FEFF}",
    ].map { Array($0.utf8) }

    init(seed: UInt64) throws {
        seeds = try Corpus.load().cases.map { try $0.bytes() }.filter { $0.count < 300 }
        random = SeededGenerator(seed: seed)
    }

    mutating func mutant() -> [UInt8] {
        var bytes = seeds[Int.random(in: seeds.indices, using: &random)]
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let start = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, start + Int.random(in: 0...4, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes.removeSubrange(start..<end)
            case 1: bytes.insert(contentsOf: Array(bytes[start..<end]), at: start)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: start)
            case 3: bytes.replaceSubrange(start..<end, with: Self.pieces[Int.random(in: Self.pieces.indices, using: &random)])
            case 4: bytes.insert(contentsOf: Self.pieces[Int.random(in: Self.pieces.indices, using: &random)], at: start)
            default:
                bytes = Array("[".utf8) + bytes + Array(",".utf8) + seeds[Int.random(in: seeds.indices, using: &random)] + Array("]".utf8)
            }
        }
        return bytes
    }
}

private enum PythonMode: String {
    /// `json.loads` of the bytes, with nothing set.
    case asIs
    /// Without what RFC 8259 leaves open and this parser refuses.
    case strict
}

/// What Python's json module makes of each document: nil where it refuses, else the value as JSON.
private func python(_ mode: PythonMode, _ documents: [[UInt8]]) throws -> [String?] {
    let script = """
        import base64, json, math, sys

        def pairs(members):
            if len({name for name, _ in members}) < len(members): raise ValueError("duplicate")
            return dict(members)

        def constant(text): raise ValueError("not a number")

        def number(text):
            if math.isinf(float(text)): raise ValueError("out of range")
            return float(text)

        def integer(text):
            number(text)
            return int(text)

        def check(value, depth):
            if isinstance(value, str): value.encode("utf-8")
            if isinstance(value, (list, dict)) and depth == 32: raise ValueError("too deep")
            if isinstance(value, list):
                for element in value: check(element, depth + 1)
            if isinstance(value, dict):
                for name, element in value.items():
                    check(name, depth)
                    check(element, depth + 1)

        def strict(data):
            value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant, parse_float=number, parse_int=integer)
            check(value, 0)
            return value

        loads = strict if sys.argv[1] == "strict" else json.loads
        for line in open(sys.argv[2]):
            try: print(json.dumps(loads(base64.b64decode(line))))
            except (ValueError, RecursionError): print()
        """
    let file = FileManager.default.temporaryDirectory.appending(path: "json-\(UUID().uuidString)")
    try Data(documents.map { Data($0).base64EncodedString() + "\n" }.joined().utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script, mode.rawValue, file.path]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    try #require(lines.count == documents.count)
    return lines.map { $0.isEmpty ? nil : String($0) }
}
