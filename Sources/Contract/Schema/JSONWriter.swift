/// Writes one JSON document, front to back, as UTF-8 bytes.
///
/// It puts the commas, the colons and, where asked to, the line breaks. The caller sees to the grammar: every `begin` has its `end`,
/// every `key` is followed by one value, keys stand in objects only and are distinct. The same calls always give the same bytes.
public struct JSONWriter {
    /// How the document is laid out.
    public enum Layout: Sendable {
        /// No white space at all.
        case compact
        /// One member or element a line, two spaces a level, no line break at the end.
        case pretty
        /// One value by itself, as a header says it: a string without quotation marks and escapes.
        case bare
    }

    /// What was written last, which decides what the next item needs in front of it.
    private enum Last {
        case nothing
        case opening
        case key
        case value
    }

    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    private let layout: Layout
    private var last = Last.nothing
    private var depth = 0

    /// An empty document. `capacity` is the number of bytes to make room for at once.
    public init(layout: Layout = .compact, capacity: Int = 0) {
        self.layout = layout
        bytes.reserveCapacity(capacity)
    }

    // MARK: Structure

    /// Opens an object.
    public mutating func beginObject() { open(UInt8(ascii: "{")) }

    /// Closes the object opened last.
    public mutating func endObject() { close(UInt8(ascii: "}")) }

    /// Opens an array.
    public mutating func beginArray() { open(UInt8(ascii: "[")) }

    /// Closes the array opened last.
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// The name of the member whose value comes next.
    public mutating func key(_ name: String) {
        separate()
        quote(name)
        colon()
    }

    /// The name of a member, in the form in which it is written: made once, written often.
    struct Key: Sendable {
        fileprivate let bytes: [UInt8]

        init(_ name: String) {
            var writer = JSONWriter()
            writer.quote(name)
            bytes = writer.bytes
        }
    }

    /// The name of the member whose value comes next.
    mutating func key(_ key: Key) {
        separate()
        bytes.append(contentsOf: key.bytes)
        colon()
    }

    private mutating func colon() {
        bytes.append(UInt8(ascii: ":"))
        if layout == .pretty { bytes.append(UInt8(ascii: " ")) }
        last = .key
    }

    // MARK: Values

    /// A string. Quotation mark, backslash and the characters below U+0020 are escaped, nothing else.
    public mutating func string(_ value: String) {
        guard layout != .bare else { return raw(value) }
        separate()
        quote(value)
        last = .value
    }

    /// An integer.
    public mutating func integer(_ value: Int64) {
        separate()
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        digits(value.magnitude)
        last = .value
    }

    /// A finite number, in the fewest digits that read back as the same double, and always with a fraction or an exponent, so that
    /// it is never taken for an integer.
    public mutating func number(_ value: Double) {
        precondition(value.isFinite, "JSON has finite numbers only")
        raw(value.description)
    }

    /// `true` or `false`.
    public mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

    /// `null`.
    public mutating func null() { raw("null") }

    /// An instant as seconds since the epoch, with up to three digits for the milliseconds: 1705489836421 is `1705489836.421`.
    /// Exact: no floating point takes part.
    public mutating func milliseconds(_ epochMilliseconds: Int64) {
        separate()
        if epochMilliseconds < 0 { bytes.append(UInt8(ascii: "-")) }
        let (seconds, milliseconds) = epochMilliseconds.magnitude.quotientAndRemainder(dividingBy: 1000)
        digits(seconds)
        if milliseconds > 0 {
            bytes.append(UInt8(ascii: "."))
            var rest = milliseconds
            var unit: UInt64 = 100
            while rest > 0 {
                digits(rest / unit)
                rest %= unit
                unit /= 10
            }
        }
        last = .value
    }

    /// A whole value, its members in their order.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .integer(let value): integer(value)
        case .number(let value): number(value)
        case .string(let value): string(value)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let object):
            beginObject()
            for member in object.members {
                key(member.key)
                self.value(member.value)
            }
            endObject()
        }
    }

    // MARK: Bytes

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        depth += 1
        last = .opening
    }

    private mutating func close(_ bracket: UInt8) {
        depth -= 1
        if last == .value { breakLine() }
        bytes.append(bracket)
        last = .value
    }

    /// Writes a number in decimal digits.
    private mutating func digits(_ value: UInt64) {
        if value >= 10 { digits(value / 10) }
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }

    /// Writes a value that needs no escaping.
    private mutating func raw(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        last = .value
    }

    /// Writes what stands between the last item and the next.
    private mutating func separate() {
        switch last {
        case .nothing, .key:
            break
        case .opening:
            breakLine()
        case .value:
            bytes.append(UInt8(ascii: ","))
            breakLine()
        }
    }

    private mutating func breakLine() {
        guard layout == .pretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    private mutating func quote(_ text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var run = 0
            for (index, byte) in utf8.enumerated() where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[run..<index]))
                escape(byte)
                run = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[run...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        default: bytes.append(contentsOf: ((byte < 0x10 ? "u000" : "u00") + String(byte, radix: 16)).utf8)
        }
    }
}
