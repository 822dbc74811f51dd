/// Reads JSON to the letter of RFC 8259, in one pass over the bytes.
///
/// Beyond the letter it refuses what two readers could understand differently: a byte order mark, a member name given twice (compared
/// after unescaping), a lone surrogate escape, and a number that overflows a double. Time is proportional to the
/// input. Memory is at most about 32 bytes per byte of input, which takes a text of little but brackets.
public struct JSONParser {
    /// How deep arrays and objects may be nested where the caller does not say.
    public static let defaultMaximumDepth = 32

    /// The value that `bytes` spell.
    ///
    /// - Parameters:
    ///   - maximumDepth: how many arrays and objects may be open at once, 0 to 512: each takes some stack.
    ///   - maximumContainers: how many arrays and objects there may be that are not empty: each takes memory, which takes time to get.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, maximumDepth: Int = defaultMaximumDepth, maximumContainers: Int = .max
    ) throws(JSONError) -> JSONValue {
        precondition((0...512).contains(maximumDepth), "the depth must be bounded")
        guard let start = bytes.baseAddress else { throw JSONError(.unexpectedEnd, offset: 0) }
        var reader = JSONReader(start: start, end: bytes.count, containersLeft: maximumContainers)
        return try reader.document(maximumDepth: maximumDepth)
    }

    /// The value that `bytes` spell. As the function above, for bytes that are in an array.
    public static func parse(_ bytes: [UInt8], maximumDepth: Int = defaultMaximumDepth) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try parse(UnsafeRawBufferPointer(buffer), maximumDepth: maximumDepth)
        }
    }
}

/// One pass over the bytes of one document. `start` must stay valid for as long as the reader lives.
private struct JSONReader: ~Copyable {
    let start: UnsafeRawPointer
    let end: Int
    var offset = 0
    /// The members and elements of the containers that are still open, the innermost last.
    var members = PendingItems<(key: String, value: JSONValue)>()
    var elements = PendingItems<JSONValue>()
    /// The bytes of the string being unescaped.
    var unescaped: [UInt8] = []
    /// How many arrays and objects that are not empty may still come.
    var containersLeft: Int

    init(start: UnsafeRawPointer, end: Int, containersLeft: Int) {
        self.start = start
        self.end = end
        self.containersLeft = containersLeft
    }

    mutating func document(maximumDepth: Int) throws(JSONError) -> JSONValue {
        guard !(byte(at: 0) == 0xEF && byte(at: 1) == 0xBB && byte(at: 2) == 0xBF) else { throw JSONError(.byteOrderMark, offset: 0) }
        let result = try value(depthLeft: maximumDepth)
        skipWhitespace()
        guard offset == end else { throw unexpected() }
        return result
    }

    // MARK: Values

    private mutating func value(depthLeft: Int) throws(JSONError) -> JSONValue {
        skipWhitespace()
        switch byte(at: offset) {
        case UInt8(ascii: "\""):
            return .string(try string())
        case UInt8(ascii: "{"):
            return .object(try object(depthLeft: depthLeft))
        case UInt8(ascii: "["):
            return .array(try array(depthLeft: depthLeft))
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return try number()
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        default:
            throw unexpected()
        }
    }

    private mutating func literal(_ text: StaticString) throws(JSONError) {
        for index in 0..<text.utf8CodeUnitCount {
            guard byte(at: offset) == text.utf8Start[index] else { throw unexpected() }
            offset += 1
        }
    }

    private mutating func array(depthLeft: Int) throws(JSONError) -> [JSONValue] {
        guard depthLeft > 0 else { throw JSONError(.tooDeep, offset: offset) }
        offset += 1
        skipWhitespace()
        if skip(UInt8(ascii: "]")) { return [] }
        try countContainer()
        let first = elements.count
        repeat {
            elements.append(try value(depthLeft: depthLeft - 1))
            skipWhitespace()
        } while skip(UInt8(ascii: ","))
        guard skip(UInt8(ascii: "]")) else { throw unexpected() }
        return elements.removeAll(from: first)
    }

    private mutating func object(depthLeft: Int) throws(JSONError) -> JSONObject {
        guard depthLeft > 0 else { throw JSONError(.tooDeep, offset: offset) }
        offset += 1
        skipWhitespace()
        if skip(UInt8(ascii: "}")) { return JSONObject() }
        try countContainer()
        let first = members.count
        var names = MemberNames()
        repeat {
            skipWhitespace()
            let nameOffset = offset
            guard byte(at: offset) == UInt8(ascii: "\"") else { throw unexpected() }
            let name = try string()
            guard names.insert(name, after: members.items(from: first)) else { throw JSONError(.duplicateMember, offset: nameOffset) }
            skipWhitespace()
            guard skip(UInt8(ascii: ":")) else { throw unexpected() }
            members.append((name, try value(depthLeft: depthLeft - 1)))
            skipWhitespace()
        } while skip(UInt8(ascii: ","))
        guard skip(UInt8(ascii: "}")) else { throw unexpected() }
        return JSONObject(members.removeAll(from: first))
    }

    private mutating func countContainer() throws(JSONError) {
        guard containersLeft > 0 else { throw JSONError(.tooManyContainers, offset: offset) }
        containersLeft -= 1
    }

    // MARK: Numbers

    private mutating func number() throws(JSONError) -> JSONValue {
        let first = offset
        let isNegative = skip(UInt8(ascii: "-"))
        /// All digits before the exponent as one number, while they fit.
        var digits = Digits()
        if skip(UInt8(ascii: "0")) {
            if isDigit(byte(at: offset)) { throw unexpected() }
        } else {
            try readDigits(into: &digits)
        }
        if byte(at: offset) != UInt8(ascii: "."), !isExponentMark(byte(at: offset)) {
            if let integer = digits.integer(isNegative: isNegative) { return .integer(integer) }
            return .number(try slowDouble(from: first))
        }
        var exponent = 0
        if skip(UInt8(ascii: ".")) {
            let point = offset
            try readDigits(into: &digits)
            exponent = point - offset
        }
        if isExponentMark(byte(at: offset)) {
            offset += 1
            let isExponentNegative = skip(UInt8(ascii: "-"))
            if !isExponentNegative { _ = skip(UInt8(ascii: "+")) }
            var written = Digits()
            try readDigits(into: &written)
            guard let magnitude = written.integer(isNegative: isExponentNegative), magnitude.magnitude < 1000 else {
                return .number(try slowDouble(from: first))
            }
            exponent += Int(magnitude)
        }
        if let double = digits.double(isNegative: isNegative, exponent: exponent) { return .number(double) }
        return .number(try slowDouble(from: first))
    }

    /// Reads at least one digit.
    private mutating func readDigits(into digits: inout Digits) throws(JSONError) {
        guard isDigit(byte(at: offset)) else { throw unexpected() }
        while let digit = byte(at: offset), isDigit(digit) {
            digits.append(digit &- UInt8(ascii: "0"))
            offset += 1
        }
    }

    /// The number from `first` to here, correctly rounded by the standard library.
    private func slowDouble(from first: Int) throws(JSONError) -> Double {
        guard let double = Double(verifiedString(first..<offset, isASCII: true)), double.isFinite else {
            throw JSONError(.numberOutOfRange, offset: first)
        }
        return double
    }

    // MARK: Strings

    /// Reads a string, from its opening quotation mark to its closing one.
    private mutating func string() throws(JSONError) -> String {
        offset += 1
        let first = offset
        var isASCII = true
        while true {
            skipPlainASCII()
            switch byte(at: offset) {
            case UInt8(ascii: "\""):
                defer { offset += 1 }
                return verifiedString(first..<offset, isASCII: isASCII)
            case UInt8(ascii: "\\"):
                return try escapedString(from: first)
            case .some(0x80...):
                isASCII = false
                try skipMultibyteScalar()
            case .some:
                throw JSONError(.controlCharacter, offset: offset)
            case nil:
                throw unexpected()
            }
        }
    }

    /// Reads on at the first backslash of a string whose text starts at `first`.
    private mutating func escapedString(from first: Int) throws(JSONError) -> String {
        unescaped.removeAll(keepingCapacity: true)
        var run = first
        while true {
            skipPlainASCII()
            switch byte(at: offset) {
            case UInt8(ascii: "\""):
                unescaped.append(contentsOf: UnsafeRawBufferPointer(start: start + run, count: offset - run))
                offset += 1
                return String(copying: UTF8Span(unchecked: unescaped.span))
            case UInt8(ascii: "\\"):
                unescaped.append(contentsOf: UnsafeRawBufferPointer(start: start + run, count: offset - run))
                try escape()
                run = offset
            case .some(0x80...):
                try skipMultibyteScalar()
            case .some:
                throw JSONError(.controlCharacter, offset: offset)
            case nil:
                throw unexpected()
            }
        }
    }

    /// Reads one escape, or the two of a surrogate pair, and appends what it stands for.
    private mutating func escape() throws(JSONError) {
        let backslash = offset
        offset += 1
        guard let letter = byte(at: offset) else { throw unexpected() }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(letter)
        case UInt8(ascii: "b"): unescaped.append(0x08)
        case UInt8(ascii: "f"): unescaped.append(0x0C)
        case UInt8(ascii: "n"): unescaped.append(0x0A)
        case UInt8(ascii: "r"): unescaped.append(0x0D)
        case UInt8(ascii: "t"): unescaped.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(escapeAt: backslash)
            if 0xD800...0xDBFF ~= code, byte(at: offset) == UInt8(ascii: "\\"), byte(at: offset + 1) == UInt8(ascii: "u") {
                let second = offset
                offset += 2
                let low = try hexadecimal(escapeAt: second)
                guard 0xDC00...0xDFFF ~= low else { throw JSONError(.loneSurrogate, offset: backslash) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw JSONError(.loneSurrogate, offset: backslash) }
            unescaped.append(contentsOf: scalar.utf8)
        default:
            throw JSONError(.invalidEscape, offset: backslash)
        }
    }

    /// Reads the four digits of the escape that starts at `escapeAt`.
    private mutating func hexadecimal(escapeAt backslash: Int) throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let letter = byte(at: offset) else { throw unexpected() }
            switch letter {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): code = code << 4 | UInt32(letter - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): code = code << 4 | UInt32(letter - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): code = code << 4 | UInt32(letter - UInt8(ascii: "A") + 10)
            default: throw JSONError(.invalidEscape, offset: backslash)
            }
            offset += 1
        }
        return code
    }

    /// Skips what may stand in a string as it is: ASCII without quotation mark, backslash and control characters.
    private mutating func skipPlainASCII() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highBits: UInt64 = 0x8080_8080_8080_8080
        while end - offset >= 8 {
            let word = UInt64(littleEndian: (start + offset).loadUnaligned(as: UInt64.self))
            // The high bit of a byte is set in `word` if the byte is not ASCII, and in each difference if it is a control character, a
            // quotation mark or a backslash, or not ASCII. A borrow can set it wrongly only in bytes after such a one.
            let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
            let backslashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
            let stops = (word | (word &- ones &* 0x20) | (quotes &- ones) | (backslashes &- ones)) & highBits
            guard stops == 0 else {
                offset += stops.trailingZeroBitCount / 8
                return
            }
            offset += 8
        }
        while let byte = byte(at: offset), byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            offset += 1
        }
    }

    /// Skips one scalar of two to four bytes. The ranges are those of table 3-7 of the Unicode standard.
    private mutating func skipMultibyteScalar() throws(JSONError) {
        let second: ClosedRange<UInt8>
        let length: Int
        switch byte(at: offset) ?? 0 {
        case 0xC2...0xDF: (second, length) = (0x80...0xBF, 2)
        case 0xE0: (second, length) = (0xA0...0xBF, 3)
        case 0xE1...0xEC, 0xEE...0xEF: (second, length) = (0x80...0xBF, 3)
        case 0xED: (second, length) = (0x80...0x9F, 3)
        case 0xF0: (second, length) = (0x90...0xBF, 4)
        case 0xF1...0xF3: (second, length) = (0x80...0xBF, 4)
        case 0xF4: (second, length) = (0x80...0x8F, 4)
        default: throw JSONError(.invalidUTF8, offset: offset)
        }
        guard let next = byte(at: offset + 1), second ~= next else { throw JSONError(.invalidUTF8, offset: offset) }
        for index in 2..<length {
            guard let next = byte(at: offset + index), 0x80...0xBF ~= next else { throw JSONError(.invalidUTF8, offset: offset) }
        }
        offset += length
    }

    /// The text of a range that is known to be UTF-8, without another check.
    private func verifiedString(_ range: Range<Int>, isASCII: Bool) -> String {
        let bytes = UnsafeRawBufferPointer(start: start + range.lowerBound, count: range.count).assumingMemoryBound(to: UInt8.self)
        return String(copying: UTF8Span(unchecked: bytes.span, isKnownASCII: isASCII))
    }

    // MARK: Bytes

    /// The byte at this offset, or nil at the end. Every access to a single byte goes through here.
    @inline(__always)
    private func byte(at offset: Int) -> UInt8? {
        offset < end ? (start + offset).load(as: UInt8.self) : nil
    }

    @inline(__always)
    private mutating func skip(_ expected: UInt8) -> Bool {
        guard byte(at: offset) == expected else { return false }
        offset += 1
        return true
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while let byte = byte(at: offset), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            offset += 1
        }
    }

    private func unexpected() -> JSONError {
        JSONError(offset < end ? .unexpectedCharacter : .unexpectedEnd, offset: offset)
    }
}

@inline(__always)
private func isDigit(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return byte &- UInt8(ascii: "0") < 10
}

@inline(__always)
private func isExponentMark(_ byte: UInt8?) -> Bool {
    byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
}

/// Decimal digits as one number.
private struct Digits {
    private var magnitude: UInt64 = 0
    private var hasOverflown = false

    mutating func append(_ digit: UInt8) {
        let (product, productOverflows) = magnitude.multipliedReportingOverflow(by: 10)
        let (sum, sumOverflows) = product.addingReportingOverflow(UInt64(digit))
        magnitude = sum
        hasOverflown = hasOverflown || productOverflows || sumOverflows
    }

    /// The number with its sign, or nil where it does not fit.
    func integer(isNegative: Bool) -> Int64? {
        if hasOverflown { return nil }
        if isNegative, magnitude == Int64.min.magnitude { return .min }
        return Int64(exactly: magnitude).map { isNegative ? -$0 : $0 }
    }

    /// The number times a power of ten, or nil where one multiplication or division cannot round it correctly: it can while both
    /// operands are doubles without loss.
    func double(isNegative: Bool, exponent: Int) -> Double? {
        guard !hasOverflown, magnitude <= 1 << 53, Self.exactPowersOfTen.indices.contains(abs(exponent)) else { return nil }
        let power = Self.exactPowersOfTen[abs(exponent)]
        let result = exponent < 0 ? Double(magnitude) / power : Double(magnitude) * power
        return isNegative ? -result : result
    }

    private static let exactPowersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]
}

/// The names that an object has used so far: found by looking at each while they are few, in a set when they are many, so that an
/// object of 100,000 members does not take 5,000,000,000 comparisons.
private struct MemberNames {
    private static let fewest = 16
    private var set: Set<ExactName> = []

    /// Notes a name, and says whether it is new. `members` are those read before it.
    mutating func insert(_ name: String, after members: UnsafeBufferPointer<(key: String, value: JSONValue)>) -> Bool {
        if members.count < Self.fewest {
            return !members.contains { $0.key.hasSameScalars(as: name) }
        }
        if set.isEmpty {
            set = Set(members.lazy.map { ExactName(text: $0.key) })
        }
        return set.insert(ExactName(text: name)).inserted
    }
}

/// A name that equals another only if it is made of the same scalars.
private struct ExactName: Hashable {
    let text: String

    static func == (left: ExactName, right: ExactName) -> Bool { left.text.hasSameScalars(as: right.text) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// A stack of values that are still to become arrays: each array is made once, in its exact size.
private struct PendingItems<Item>: ~Copyable {
    private(set) var count = 0
    private var storage = UnsafeMutableBufferPointer<Item>(start: nil, count: 0)

    mutating func append(_ item: consuming Item) {
        if count == storage.count { grow() }
        storage.initializeElement(at: count, to: item)
        count += 1
    }

    private mutating func grow() {
        let larger = UnsafeMutableBufferPointer<Item>.allocate(capacity: max(16, count * 2))
        _ = larger.moveInitialize(fromContentsOf: storage.extracting(..<count))
        storage.deallocate()
        storage = larger
    }

    /// The items from `first` on. Valid until the next change.
    func items(from first: Int) -> UnsafeBufferPointer<Item> {
        UnsafeBufferPointer(storage.extracting(first..<count))
    }

    /// Takes the items from `first` on away, as an array.
    mutating func removeAll(from first: Int) -> [Item] {
        let items = storage.extracting(first..<count)
        count = first
        return Array(unsafeUninitializedCapacity: items.count) { array, initialized in
            initialized = array.moveInitialize(fromContentsOf: items)
        }
    }

    deinit {
        storage.extracting(..<count).deinitialize()
        storage.deallocate()
    }
}
