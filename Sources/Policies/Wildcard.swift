/// A pattern in which `*` stands for any run of characters, also none, and `?` for any one of them. A character is a Unicode scalar.
///
/// Matching takes time proportional to the text, times one for each 64 characters of the longest part between two `*`.
struct Wildcard: Sendable, Hashable {
    /// What a `?` is among the scalars of a part: no scalar has this value.
    static let anyOne = UInt32.max

    /// What stands between the `*`: one part where there is none, else one more than there are.
    private var parts: [[UInt32]] = [[]]

    init() {}

    /// A pattern in which every `*` and `?` is a wildcard.
    init(_ text: String) {
        for scalar in text.scalars {
            switch scalar {
            case 0x2A: appendAnyRun()
            case 0x3F: appendAnyOne()
            default: append(literal: CollectionOfOne(scalar))
            }
        }
    }

    /// Appends a text of which every character stands for itself.
    mutating func append(literal scalars: some Sequence<UInt32>) { parts[parts.count - 1] += scalars }

    mutating func appendAnyOne() { parts[parts.count - 1].append(Self.anyOne) }

    mutating func appendAnyRun() { parts.append([]) }

    /// Whether the whole text is as the pattern says.
    func matches(_ text: [UInt32]) -> Bool {
        let (first, last) = (parts[0], parts[parts.count - 1])
        guard parts.count > 1 else { return text.count == first.count && Self.stands(first, in: text, at: 0) }
        guard first.count + last.count <= text.count, Self.stands(first, in: text, at: 0),
            Self.stands(last, in: text, at: text.count - last.count)
        else { return false }
        var rest = first.count..<(text.count - last.count)
        for part in parts[1..<(parts.count - 1)] where !part.isEmpty {
            guard let end = Self.firstEnd(of: part, in: text, rest) else { return false }
            rest = end..<rest.upperBound
        }
        return true
    }

    private static func stands(_ part: [UInt32], in text: [UInt32], at start: Int) -> Bool {
        for (offset, scalar) in part.enumerated() where scalar != anyOne && scalar != text[start + offset] { return false }
        return true
    }

    /// Where the first occurrence of a part ends; nil where there is none. Compares place by place, unless the text is made to let that take long.
    private static func firstEnd(of part: [UInt32], in text: [UInt32], _ range: Range<Int>) -> Int? {
        guard part.count <= range.count else { return nil }
        var comparisons = 0
        for start in range.lowerBound...(range.upperBound - part.count) {
            var matched = 0
            while matched < part.count, part[matched] == anyOne || part[matched] == text[start + matched] { matched += 1 }
            if matched == part.count { return start + matched }
            comparisons += matched + 1
            if comparisons > 8 * range.count { return firstEndInParallel(of: part, in: text, start + 1..<range.upperBound) }
        }
        return nil
    }

    /// The same for every place at once: bit n says that the first n + 1 characters of the part stand before here.
    private static func firstEndInParallel(of part: [UInt32], in text: [UInt32], _ range: Range<Int>) -> Int? {
        let words = (part.count + 63) / 64
        var others = [UInt64](repeating: 0, count: words)
        for (offset, scalar) in part.enumerated() where scalar == anyOne { others[offset / 64] |= 1 << UInt64(offset % 64) }
        var places: [UInt32: [UInt64]] = [:]
        for (offset, scalar) in part.enumerated() where scalar != anyOne {
            places[scalar, default: others][offset / 64] |= 1 << UInt64(offset % 64)
        }
        var state = [UInt64](repeating: 0, count: words)
        for index in range {
            let here = places[text[index]] ?? others
            var carry: UInt64 = 1
            for word in 0..<words {
                let shifted = state[word] << 1 | carry
                carry = state[word] >> 63
                state[word] = shifted & here[word]
            }
            if state[words - 1] >> UInt64((part.count - 1) % 64) & 1 == 1 { return index + 1 }
        }
        return nil
    }
}

extension String {
    /// The characters as numbers, which are compared one by one: never by canonical equivalence, as `String` does.
    var scalars: [UInt32] { unicodeScalars.map(\.value) }
}
