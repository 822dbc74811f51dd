import Contract
import Foundation
import Seeded
import Testing

@Suite struct JSONWriterTests {
    @Test func commasStandBetweenItemsOnly() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a")
        writer.beginArray()
        writer.integer(1)
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.null()
        writer.endArray()
        writer.key("b")
        writer.bool(false)
        writer.key("c")
        writer.beginObject()
        writer.key("d")
        writer.string("")
        writer.endObject()
        writer.endObject()
        #expect(text(writer) == #"{"a":[1,{},[],null],"b":false,"c":{"d":""}}"#)
    }

    @Test func prettyLayoutIndentsByTwo() throws {
        let value = try JSONParser.parse(Array(#"{"a":[1,[],{}],"b":{"c":{"d":null}},"e":[[true]]}"#.utf8))
        var writer = JSONWriter(layout: .pretty)
        writer.value(value)
        #expect(
            text(writer) == """
                {
                  "a": [
                    1,
                    [],
                    {}
                  ],
                  "b": {
                    "c": {
                      "d": null
                    }
                  },
                  "e": [
                    [
                      true
                    ]
                  ]
                }
                """
        )
    }

    @Test(
        arguments: [
            (1_705_489_836_421, "1705489836.421"), (1_705_489_836_000, "1705489836"), (1_705_489_836_420, "1705489836.42"),
            (1_705_489_836_400, "1705489836.4"), (1_705_489_836_021, "1705489836.021"), (1_705_489_836_001, "1705489836.001"),
            (1_705_489_836_020, "1705489836.02"), (1_705_489_836_999, "1705489836.999"), (1_705_489_836_100, "1705489836.1"),
            (0, "0"), (1, "0.001"), (999, "0.999"), (1000, "1"), (-1, "-0.001"), (-1500, "-1.5"),
            (.max, "9223372036854775.807"), (.min, "-9223372036854775.808"),
        ] as [(Int64, String)])
    func milliseconds(_ instant: Int64, are expected: String) {
        var writer = JSONWriter()
        writer.milliseconds(instant)
        #expect(text(writer) == expected)
    }

    @Test(arguments: [
        ("", #""""#), ("a/b", #""a/b""#), ("\"\\", #""\"\\""#), ("\u{8}\t\n\u{C}\r", #""\b\t\n\f\r""#),
        ("\u{0}\u{1}\u{1F}\u{B}", #""\u0000\u0001\u001f\u000b""#),
        ("\u{7F}\u{2028}\u{2029}", "\"\u{7F}\u{2028}\u{2029}\""), ("é€😀", "\"é€😀\""), ("a\nb\nc", #""a\nb\nc""#),
    ])
    func string(_ string: String, isWrittenAs expected: String) {
        var writer = JSONWriter()
        writer.string(string)
        #expect(text(writer) == expected)
        #expect((try? JSONParser.parse(writer.bytes)) == .string(string))
    }

    @Test func everyASCIICharacterComesBack() throws {
        for byte in UInt8(0)..<0x80 {
            let string = String(UnicodeScalar(byte))
            var writer = JSONWriter()
            writer.string(string)
            #expect(try JSONParser.parse(writer.bytes) == .string(string), "\(byte)")
        }
    }

    @Test func keysAreEscapedToo() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a\"\n")
        writer.null()
        writer.endObject()
        #expect(text(writer) == #"{"a\"\n":null}"#)
    }

    @Test(
        arguments: [
            (.integer(.min), "-9223372036854775808"), (.integer(.max), "9223372036854775807"), (.integer(0), "0"), (.number(1), "1.0"),
            (.number(-0.0), "-0.0"), (.number(0.1), "0.1"), (.number(1e300), "1e+300"), (.number(.leastNonzeroMagnitude), "5e-324"),
            (.bool(true), "true"),
            (.null, "null"),
        ] as [(JSONValue, String)])
    func scalar(_ value: JSONValue, isWrittenAs expected: String) throws {
        var writer = JSONWriter()
        writer.value(value)
        #expect(text(writer) == expected)
        #expect(try JSONParser.parse(writer.bytes) == value)
    }

    /// Random values come back from this parser as they were, and from Foundation's decoder as far as it can tell them apart.
    @Test(arguments: [JSONWriter.Layout.compact, .pretty])
    func randomValuesComeBack(_ layout: JSONWriter.Layout) throws {
        var random = SeededGenerator(seed: 99)
        for _ in 0..<2_000 {
            let value = randomValue(depth: 4, &random)
            var writer = JSONWriter(layout: layout)
            writer.value(value)
            #expect(try JSONParser.parse(writer.bytes) == value)
            let decoded = try JSONDecoder().decode(FoundationValue.self, from: Data(writer.bytes))
            #expect(decoded == FoundationValue(value), "\(text(writer))")
        }
    }

    private func text(_ writer: JSONWriter) -> String { String(decoding: writer.bytes, as: UTF8.self) }

    private func randomValue(depth: Int, _ random: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .integer(Int64(truncatingIfNeeded: random.next()) >> Int64.random(in: 0..<64, using: &random))
        case 3:
            let number = Double(bitPattern: random.next())
            return .number(number.isFinite ? number : 0.5)
        case 4: return .string(randomString(&random))
        case 5: return .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in randomValue(depth: depth - 1, &random) })
        default:
            return .object(
                JSONObject(
                    (0..<Int.random(in: 0..<5, using: &random)).map {
                        ("\($0)" + randomString(&random), randomValue(depth: depth - 1, &random))
                    })
            )
        }
    }

    private func randomString(_ random: inout SeededGenerator) -> String {
        let scalars: [Unicode.Scalar] = [
            "a", "Z", "0", " ", "/", "\"", "\\", "\n", "\u{0}", "\u{1F}", "\u{7F}", "é", "\u{301}", "€", "\u{2028}", "😀", "\u{10FFFF}",
        ]
        var string = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<20, using: &random) {
            string.append(scalars[Int.random(in: scalars.indices, using: &random)])
        }
        return String(string)
    }
}

/// A JSON value as Foundation's decoder sees it: all numbers are one, and members have no order.
private enum FoundationValue: Decodable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([FoundationValue])
    case object([String: FoundationValue])

    init(_ value: JSONValue) {
        self =
            switch value {
            case .null: .null
            case .bool(let value): .bool(value)
            case .integer(let value): .number(Double(value))
            case .number(let value): .number(value)
            case .string(let value): .string(value)
            case .array(let elements): .array(elements.map(FoundationValue.init))
            case .object(let object): .object(Dictionary(uniqueKeysWithValues: object.members.map { ($0.key, FoundationValue($0.value)) }))
            }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([FoundationValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: FoundationValue].self))
        }
    }
}
