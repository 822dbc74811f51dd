/// Thrown where bits end too early or hold a value that the syntax forbids. Whoever knows the track makes a ``UnplayableMedia`` of it.
struct Malformed: Error {}

/// Reads bits, most significant first, as the syntax tables of MPEG standards write them.
struct BitReader {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var left: Int { bytes.count * 8 - position }

    /// `u(count)`; `count` is at most 32.
    mutating func bits(_ count: Int) throws(Malformed) -> UInt32 {
        guard count <= left else { throw Malformed() }
        var value: UInt32 = 0
        for _ in 0..<count {
            value = value << 1 | UInt32(bytes[position >> 3] >> UInt8(7 - position & 7) & 1)
            position += 1
        }
        return value
    }

    mutating func flag() throws(Malformed) -> Bool { try bits(1) == 1 }

    mutating func skip(_ count: Int) throws(Malformed) {
        guard count <= left else { throw Malformed() }
        position += count
    }

    /// `ue(v)`, refused above `limit`.
    @discardableResult
    mutating func unsigned(upTo limit: UInt32 = .max) throws(Malformed) -> UInt32 {
        var zeros = 0
        while try !flag() {
            zeros += 1
            guard zeros < 32 else { throw Malformed() }
        }
        let value = try (1 << UInt32(zeros)) - 1 + bits(zeros)
        guard value <= limit else { throw Malformed() }
        return value
    }

    /// `se(v)`.
    @discardableResult
    mutating func signed() throws(Malformed) -> Int64 {
        let code = try Int64(unsigned())
        return code & 1 == 1 ? (code + 1) / 2 : -code / 2
    }
}
