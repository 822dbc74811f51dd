import Contract
import Foundation
import Seeded
import Testing

@Suite struct PatternTests {
    @Test func expressionsAreThoseOfTheServiceModel() {
        #expect(Pattern.resourceName.expression == "[a-zA-Z0-9_.-]+")
        #expect(Pattern.mediaType.expression == "[\\w\\-\\.\\+]+/[\\w\\-\\.\\+]+(,[\\w\\-\\.\\+]+/[\\w\\-\\.\\+]+)*")
        #expect(Pattern.anyText.expression == ".+")
        #expect(Pattern.version.expression == "[a-zA-Z0-9]+")
        #expect(
            Pattern.resourceARN.expression == "arn:[a-z\\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+"
        )
        #expect(Pattern.nextToken.expression == "[a-zA-Z0-9+/=]*")
        #expect(Pattern.tagKey.expression == "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$")
        #expect(Pattern.tagValue.expression == "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*")
        #expect(Pattern.destinationURI.expression == "^[a-zA-Z_0-9]+:(//)?([^/]+)/?([^*]*)$")
        #expect(Pattern.region.expression == "^[a-z]+(-[a-z]+)?-[a-z]+-[0-9]$")
        #expect(Pattern.formatConfigValue.expression == "^[a-zA-Z_0-9]+")
        #expect(Pattern.thingARN.expression == "arn:[a-z\\d-]+:iot:[a-z0-9-]+:[0-9]+:thing/[a-zA-Z0-9_.-]+")
        #expect(Pattern.secretARN.expression == "arn:[a-z\\d-]+:secretsmanager:[a-z0-9-]+:[0-9]+:secret:[a-zA-Z0-9_.-]+")
        #expect(Pattern.scheduleExpression.expression == "[^\\n]{11,100}")
    }

    @Test(arguments: Subject.all)
    func handWrittenStrings(_ subject: Subject) throws {
        let oracle = try Oracle(subject.pattern)
        for text in subject.accepted {
            #expect(subject.pattern.matches(text), "\(text.debugDescription)")
            #expect(oracle.matches(text), "\(text.debugDescription)")
        }
        for text in subject.refused {
            #expect(!subject.pattern.matches(text), "\(text.debugDescription)")
            #expect(!oracle.matches(text), "\(text.debugDescription)")
        }
    }

    /// Strings a few edits away from an accepted one, against the published expression.
    @Test(arguments: Subject.all)
    func nearMisses(_ subject: Subject) throws {
        let oracle = try Oracle(subject.pattern)
        var random = SeededGenerator(seed: 4711)
        var matches = 0
        for _ in 0..<20_000 {
            let text = nearMiss(of: subject, &random)
            let matched = subject.pattern.matches(text)
            #expect(matched == oracle.matches(text), "\(text.debugDescription)")
            matches += matched ? 1 : 0
        }
        #expect((1_000...19_000).contains(matches), "one side is hardly tried: \(matches)")
    }

    /// Every scalar there is, for the two kinds of pattern that look beyond ASCII.
    ///
    /// One difference is allowed: the standard library knows Unicode 17 and Foundation's ICU knows Unicode 16, so the letters and
    /// numbers that Unicode 17 added are taken by the matcher and not by the expression. A newer ICU ends it.
    @Test(arguments: [(Pattern.tagKey, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"), (Pattern.anyText, "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]+")])
    func everyScalar(_ pattern: Pattern, _ runs: String) throws {
        let expression = try NSRegularExpression(pattern: runs)
        var differences: [Unicode.Scalar] = []
        var agreed = 0
        for first in stride(from: UInt32(0), through: 0x10FFFF, by: 0x1000) {
            let scalars = (first..<first + 0x1000).compactMap(Unicode.Scalar.init)
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars)
            let string = String(text)
            var inRun = IndexSet()
            for match in expression.matches(in: string, range: NSRange(location: 0, length: string.utf16.count)) {
                inRun.insert(integersIn: match.range.location..<match.range.location + match.range.length)
            }
            var position = 0
            for scalar in scalars {
                let matched = pattern.matches(String(scalar))
                let isAddedByUnicode17 = scalar.properties.age?.major == 17
                if matched == inRun.contains(position) {
                    agreed += matched ? 1 : 0
                } else if !(matched && isAddedByUnicode17) {
                    differences.append(scalar)
                }
                position += UTF16.width(scalar)
            }
        }
        #expect(differences.isEmpty)
        #expect(agreed > 130_000)
    }

    /// A match looks at each byte a bounded number of times, so a mebibyte of the worst is over at once.
    @Test func longStringsAreMatched() {
        let size = 1 << 20
        #expect(Pattern.mediaType.matches(String(repeating: "a/b,", count: size / 4) + "a/b"))
        #expect(!Pattern.mediaType.matches(String(repeating: "a/b,", count: size / 4)))
        #expect(!Pattern.mediaType.matches(String(repeating: "a", count: size)))
        #expect(!Pattern.resourceARN.matches("arn:" + String(repeating: "a", count: size)))
        #expect(Pattern.tagKey.matches(String(repeating: "é", count: size / 2)))
        #expect(!Pattern.anyText.matches(String(repeating: "a", count: size) + "\n"))
        #expect(Pattern.destinationURI.matches("a:" + String(repeating: "*", count: size)))
        #expect(Pattern.destinationURI.matches("a://" + String(repeating: "b/", count: size / 2)))
        #expect(!Pattern.destinationURI.matches("a://" + String(repeating: "b/", count: size / 2) + "*"))
        #expect(!Pattern.destinationURI.matches(String(repeating: "a", count: size)))
        #expect(!Pattern.region.matches(String(repeating: "a-", count: size / 2)))
        #expect(!Pattern.secretARN.matches("arn:a:secretsmanager:" + String(repeating: "a", count: size)))
        #expect(!Pattern.scheduleExpression.matches(String(repeating: "é", count: size)))
    }

    private func nearMiss(of subject: Subject, _ random: inout SeededGenerator) -> String {
        let pieces = [
            "a", "Z", "0", "9", "_", "-", ".", "+", "/", ",", ":", "=", "@", " ", "\\", "^", "$", "arn:", "\n", "\r", "\r\n", "\t", "\0",
            "\u{B}", "\u{C}", "\u{1C}",
            "\u{7F}", "\u{85}", "\u{A0}", "\u{2028}", "\u{2029}", "\u{200B}", "é", "\u{301}", "ａ", "：", "٣", "²", "\u{212A}", "ſ", "中", "😀",
            "\u{1D7D8}", "`", "[", "{", "~", "!", "#",
        ]
        let text = subject.accepted[Int.random(in: subject.accepted.indices, using: &random)]
        var scalars = Array(text.unicodeScalars)
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let start = Int.random(in: 0...scalars.count, using: &random)
            let end = min(scalars.count, start + Int.random(in: 0...2, using: &random))
            let piece = Bool.random(using: &random) ? pieces[Int.random(in: pieces.indices, using: &random)] : ""
            switch Int.random(in: 0..<3, using: &random) {
            case 0: scalars.removeSubrange(start..<end)
            case 1: scalars.insert(contentsOf: Array(scalars[start..<end]), at: start)
            default: scalars.replaceSubrange(start..<end, with: Array(piece.unicodeScalars))
            }
        }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }
}

/// The published expression, run by ICU over the whole string.
///
/// ICU's `\w` and `\d` are Unicode and its dot also stops at U+000B and U+000C. The service is written in Java, where they are ASCII
/// and the dot does not; so these three are spelled out.
private struct Oracle {
    private let expression: NSRegularExpression

    init(_ pattern: Pattern) throws {
        let dot = "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]"
        let spelledOut = pattern.expression
            .replacingOccurrences(of: "\\w", with: "a-zA-Z0-9_")
            .replacingOccurrences(of: "\\d", with: "0-9")
        expression = try NSRegularExpression(pattern: "\\A(?:\(spelledOut == ".+" ? dot + "+" : spelledOut))\\z")
    }

    func matches(_ text: String) -> Bool {
        expression.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) != nil
    }
}

/// A pattern with strings at both sides of its border.
struct Subject: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let pattern: Pattern
    let accepted: [String]
    let refused: [String]

    static let all = [
        Subject(
            testDescription: "resourceName", pattern: .resourceName,
            accepted: ["a", "front-door", "A_b.c-9", "...", "-", String(repeating: "x", count: 256)],
            refused: [
                "", " ", "a b", "a\n", "\na", "é", "a/b", "a:b", "a,b", "a\0", "ａ", "\u{212A}", "a\u{301}", "`", "[", "@", "{", "^", "]",
            ]
        ),
        Subject(
            testDescription: "mediaType", pattern: .mediaType,
            accepted: ["video/h264", "video/h264,audio/aac", "a/b,c/d,e/f", "_/_", "-.+/+.-", "application/vnd.api+json", "1/2"],
            refused: [
                "", "/", "video", "video/", "/h264", "video/h264,", ",video/h264", "video/h264,,audio/aac", "video/h264,audio",
                "video/h264, audio/aac",
                "a/b/c", "a/b,c/d/e", "a/b;c/d", "a/b\n", "é/b", "a/é", "a /b", "a/b,/", "a/b,c/", ",", "٣/a",
            ]
        ),
        Subject(
            testDescription: "anyText", pattern: .anyText,
            accepted: [
                "a", " ", "\0", "\t", "\u{B}", "\u{C}", "é", "😀", "a b", "arn:aws:kms:eu-west-1:123456789012:alias/x", "\u{84}", "\u{2027}",
                "\u{202A}", "\u{FEFF}",
            ],
            refused: ["", "\n", "\r", "\r\n", "\u{85}", "\u{2028}", "\u{2029}", "a\n", "\na", "a\nb", "a\u{2028}b", "a\u{85}"]
        ),
        Subject(
            testDescription: "version", pattern: .version,
            accepted: ["a", "0", "Z", "aB3dEfGhIjKlMnOpQrSt", "00000000000000000000"],
            refused: ["", " ", "a-b", "a_b", "a.b", "a b", "a\n", "é", "/", ":", "@", "[", "`", "{", "٣"]
        ),
        Subject(
            testDescription: "resourceARN", pattern: .resourceARN,
            accepted: [
                "arn:aws:kinesisvideo:us-west-2:123456789012:stream/front-door/1705489836421",
                "arn:aws-cn:kinesisvideo:cn-north-1:1:channel/a/0",
                "arn:aws:kinesisvideo:eu:1:x/-._/12", "arn:9:kinesisvideo:-:0:stream/a/0",
            ],
            refused: [
                "", "arn:", "arn::kinesisvideo:eu:1:stream/a/1", "arn:aws:kinesis:eu:1:stream/a/1", "arn:aws:kinesisvideo::1:stream/a/1",
                "arn:aws:kinesisvideo:eu::stream/a/1", "arn:aws:kinesisvideo:eu:1:/a/1", "arn:aws:kinesisvideo:eu:1:stream//1",
                "arn:aws:kinesisvideo:eu:1:stream/a/", "arn:aws:kinesisvideo:eu:1:stream/a", "arn:aws:kinesisvideo:eu:1:stream/a/1/",
                "arn:aws:kinesisvideo:eu:1:stream/a/1\n", "arn:aws:kinesisvideo:eu:1:stream/a/b", "arn:aws:kinesisvideo:eu:1a:stream/a/1",
                "arn:aws:kinesisvideo:EU:1:stream/a/1", "arn:AWS:kinesisvideo:eu:1:stream/a/1", "arn:aws:kinesisvideo:eu:1:Stream/a/1",
                "arn:aws:kinesisvideo:eu:1:stream9/a/1", "arn:aws:kinesisvideo:eu:1:stream/a b/1", "arn:aws:kinesisvideo:eu:1:stream/a/1a",
                " arn:aws:kinesisvideo:eu:1:stream/a/1", "ARN:aws:kinesisvideo:eu:1:stream/a/1", "arn:aws:kinesisvideo:eu:٣:stream/a/1",
                "arn:٣:kinesisvideo:eu:1:stream/a/1",
            ]
        ),
        Subject(
            testDescription: "nextToken", pattern: .nextToken,
            accepted: ["", "a", "AbC+/9==", "=", "////"],
            refused: [" ", "a b", "a-b", "a_b", "a.b", "\n", "a\n", "é", "%3D", ":", "\0"]
        ),
        Subject(
            testDescription: "destinationURI", pattern: .destinationURI,
            accepted: [
                "a:b", "s3://bucket", "s3://bucket/", "s3://bucket/images/", "s3:bucket/a/b", "S_3:x", "a:*", "a://**", "a:b*/", "a:b*c/d",
                "a:\n", "a:b/\n", "a:b\n", "a:b//c", "a:b:c", "a:::", "a://b//", "arn:aws:sns:eu-west-1:1:topic", "_:é", "0://😀/\0",
                "a: ", "a:b\r\n/c",
            ],
            refused: [
                "", ":", "a:", "a:/", "a://", "a:///", "a:/b", "a:///b", "a", ":b", "a/b:c", "-:b", "é:b", "a b:c", "a\n:b", "a:b/*",
                "a:b/c*",
                "s3://bucket/*", "s3://b*/c/d*", "a://b//*", "a:b/\n*", "s3:/bucket", "//a", "٣:b", " a:b", "a:////b",
            ]
        ),
        Subject(
            testDescription: "region", pattern: .region,
            accepted: ["us-east-1", "us-gov-east-1", "a-b-0", "ap-southeast-9", "cn-north-1", "a-b-c-2"],
            refused: [
                "", "us", "us-east", "us-east-", "us-east-10", "us-east-1\n", "\nus-east-1", "US-east-1", "us-east-1a", "us--1", "us-1",
                "-us-east-1", "us-east--1", "us-gov-east-x-1", "a-b-c-d-1", "us-east1-1", "us_east-1", "us-east-٣", "é-b-1", "us-east-1 ",
                "us-east-1-", "a-b-1-1",
            ]
        ),
        Subject(
            testDescription: "formatConfigValue", pattern: .formatConfigValue,
            accepted: ["a", "80", "_", "A_9z", "00"],
            refused: ["", " ", "8 0", "80\n", "\n80", "8-0", "8.0", "+8", "é", "٣", "a!", "80%"]
        ),
        Subject(
            testDescription: "thingARN", pattern: .thingARN,
            accepted: ["arn:aws:iot:us-west-2:123456789012:thing/hub-1", "arn:aws-cn:iot:-:0:thing/._-", "arn:9:iot:e:1:thing/A"],
            refused: [
                "", "arn:aws:iot:e:1:thing/", "arn:aws:iot:e:1:thing", "arn:aws:iot:e:1:Thing/a", "arn:aws:iot:e:1:thing/a/b",
                "arn:aws:iot:e:1:thing:a", "arn:aws:iot::1:thing/a", "arn:aws:iot:e::thing/a", "arn::iot:e:1:thing/a",
                "arn:aws:iot:E:1:thing/a",
                "arn:aws:iotx:e:1:thing/a", "arn:aws:iot:e:1:thing/a\n", " arn:aws:iot:e:1:thing/a", "arn:aws:iot:e:1:thing/a b",
                "arn:aws:iot:e:1:thing/é", "arn:aws:iot:e:٣:thing/a", "arn:aws:kinesisvideo:e:1:stream/a/1",
            ]
        ),
        Subject(
            testDescription: "secretARN", pattern: .secretARN,
            accepted: [
                "arn:aws:secretsmanager:us-west-2:123456789012:secret:camera-1", "arn:a-1:secretsmanager:-:0:secret:._-",
                "arn:aws:secretsmanager:e:1:secret:A",
            ],
            refused: [
                "", "arn:aws:secretsmanager:e:1:secret:", "arn:aws:secretsmanager:e:1:secret", "arn:aws:secretsmanager:e:1:secret/a",
                "arn:aws:secretsmanager:e:1:secret:a/b", "arn:aws:secretsmanager:e:1:secret:a:b", "arn:aws:secretsmanager::1:secret:a",
                "arn:aws:secretsmanager:e::secret:a", "arn::secretsmanager:e:1:secret:a", "arn:aws:secretmanager:e:1:secret:a",
                "arn:aws:secretsmanager:e:1:secret:a\n", "arn:aws:secretsmanager:e:1:secret:é", "arn:AWS:secretsmanager:e:1:secret:a",
            ]
        ),
        Subject(
            testDescription: "scheduleExpression", pattern: .scheduleExpression,
            accepted: [
                "0 0 6 * * ?", String(repeating: "a", count: 11), String(repeating: "a", count: 100), String(repeating: "é", count: 100),
                String(repeating: "😀", count: 11), String(repeating: "e\u{301}", count: 50), String(repeating: "\r", count: 11),
                String(repeating: "\u{2028}", count: 20),
            ],
            refused: [
                "", "a", String(repeating: "a", count: 10), String(repeating: "a", count: 101), String(repeating: "😀", count: 10),
                String(repeating: "e\u{301}", count: 51), "0 0 6 * * ?\n", "\n0 0 6 * * ?", "0 0 6\n * * ? *", "0 0 6 * * ?\r\n",
                String(repeating: "a", count: 100) + "\n",
            ]
        ),
        Subject(testDescription: "tagKey", pattern: .tagKey, accepted: tagAccepted, refused: tagRefused),
        Subject(testDescription: "tagValue", pattern: .tagValue, accepted: tagAccepted, refused: tagRefused),
    ]

    private static let tagAccepted = [
        "", "a", "site", "floor 2", "a_b.c:d/e=f+g-h@i", "Überwachung", "e\u{E9}", "中文", "ключ", "٣", "²", "Ⅷ", "½", "\u{A0}", "\u{2028}",
        "\u{2029}", "\u{3000}",
        "ªº", "ǅ", "ʰ", "\u{1D7D8}", "𝒜", "\u{212A}",
    ]
    private static let tagRefused = [
        "\n", "a\n", "\t", "\0", "a,b", "a;b", "a#b", "a!b", "a?b", "a*b", "a(b)", "a\"b", "a'b", "a\\b", "a%b", "a&b", "a~b", "a|b", "a^b",
        "a$b", "a`b", "a<b", "e\u{301}", "😀",
        "\u{85}", "\u{200B}", "\u{FEFF}", "€", "\u{E000}", "\u{378}", "‿",
    ]
}
