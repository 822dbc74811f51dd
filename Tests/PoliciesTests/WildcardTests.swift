import Testing

@testable import Policies

@Suite struct WildcardTests {
    /// What a pattern means, said in another way: slow, and short enough to be seen to be right.
    private static func reference(_ pattern: Substring, _ text: Substring) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        switch first {
        case "*": return reference(pattern.dropFirst(), text) || (!text.isEmpty && reference(pattern, text.dropFirst()))
        case "?": return !text.isEmpty && reference(pattern.dropFirst(), text.dropFirst())
        default: return text.first == first && reference(pattern.dropFirst(), text.dropFirst())
        }
    }

    private static func matches(_ pattern: String, _ text: String) -> Bool { Wildcard(pattern).matches(text.scalars) }

    /// Every pattern of up to five characters against every text of up to six, of an alphabet of two letters.
    @Test func `small patterns and texts, all of them`() {
        func all(_ alphabet: String, upTo length: Int) -> [String] {
            var (found, last) = ([""], [""])
            for _ in 0..<length {
                last = last.flatMap { text in alphabet.map { text + String($0) } }
                found += last
            }
            return found
        }
        let texts = all("ab", upTo: 6)
        var matched = 0
        for pattern in all("ab*?", upTo: 5) {
            let compiled = Wildcard(pattern)
            for text in texts {
                let expected = Self.reference(pattern[...], text[...])
                matched += expected ? 1 : 0
                if compiled.matches(text.scalars) != expected { Issue.record("\(pattern) against \(text)") }
            }
        }
        #expect(matched > 1000)
    }

    /// Long parts make the search change its way in the middle.
    @Test func `texts that are made to take long`() {
        for length in [3, 63, 64, 65, 128, 200] {
            let run = String(repeating: "a", count: length)
            let text = String(repeating: "a", count: 2000)
            #expect(!Self.matches("*\(run)b*", text))
            #expect(Self.matches("*\(run)b*", text + "b" + text))
            #expect(Self.matches("*\(run)?b*c", text + "bbc"))
            #expect(!Self.matches("*\(run)?b*c", text + "bb"))
            #expect(Self.matches("x*\(run)b*\(run)c*", "x" + text + "b" + text + "c"))
            #expect(!Self.matches("x*\(run)b*\(run)c*", "x" + text + "c" + text + "b"))
        }
    }

    @Test func `the work grows with the text, not with its square`() {
        let part = String(repeating: "a", count: 1000) + "b"
        let pattern = Wildcard("*" + part + "*" + part + "*")
        let text = String(repeating: "a", count: 200_000).scalars
        let start = ContinuousClock.now
        #expect(!pattern.matches(text))
        // Comparing place by place would take 200 million steps, here a hundredth of them.
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `a character is a scalar, and nothing else is like it`() {
        #expect(Self.matches("?", "é"))
        #expect(!Self.matches("?", "e\u{301}"))
        #expect(!Self.matches("é", "e\u{301}"))
        #expect(!Self.matches("K", "\u{212A}"))
    }
}
