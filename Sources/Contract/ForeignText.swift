extension String {
    /// The text with everything escaped by which a stranger could write on an operator's terminal or into a log what is not theirs: controls (C0,
    /// DEL, C1), separators of lines and paragraphs, and marks that turn the direction of writing. Each becomes `\u{HEX}`; all else stays.
    ///
    /// What callers, receivers and servers send is shown in this form, wherever people read it.
    public var escapingControls: String {
        guard unicodeScalars.contains(where: \.isUnsafeToShow) else { return self }
        return unicodeScalars.map { $0.isUnsafeToShow ? "\\u{\(String($0.value, radix: 16, uppercase: true))}" : String($0) }.joined()
    }
}

extension Unicode.Scalar {
    fileprivate var isUnsafeToShow: Bool {
        switch value {
        case 0x00...0x1F, 0x7F...0x9F: true
        // Line and paragraph separators.
        case 0x2028, 0x2029: true
        // Arabic letter mark, left-to-right and right-to-left marks, embeddings and overrides, isolates.
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
