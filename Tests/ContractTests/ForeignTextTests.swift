import Contract
import Testing

@Suite struct ForeignTextTests {
    @Test(arguments: [
        ("", ""), ("https://example.com/a?b=c", "https://example.com/a?b=c"), ("Grüße, 東京 👩‍👩‍👧", "Grüße, 東京 👩‍👩‍👧"), ("a\\b", "a\\b"),
        ("\u{1B}[2Jx", "\\u{1B}[2Jx"), ("a\nb\r\tc\0", "a\\u{A}b\\u{D}\\u{9}c\\u{0}"),
        ("\u{7F}\u{80}\u{9B}31m\u{9F}\u{A0}", "\\u{7F}\\u{80}\\u{9B}31m\\u{9F}\u{A0}"), ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
        ("\u{202E}txt\u{202C}\u{2066}\u{2069}\u{200E}\u{200F}\u{61C}", "\\u{202E}txt\\u{202C}\\u{2066}\\u{2069}\\u{200E}\\u{200F}\\u{61C}"),
        // Joined to a letter it is no character of its own.
        ("e\u{202E}", "e\\u{202E}"), ("\r\n", "\\u{D}\\u{A}"),
    ]) func `what could write elsewhere is escaped, and nothing else is`(_ text: String, _ expected: String) {
        #expect(text.escapingControls.unicodeScalars.elementsEqual(expected.unicodeScalars))
        #expect(text.escapingControls.escapingControls == text.escapingControls)
    }
}
