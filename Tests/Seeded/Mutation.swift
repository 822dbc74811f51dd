/// Returns the bytes with one to four of the mistakes that break parsers. One of them goes on with the end of another of `seeds`, or with nothing where
/// there are none.
public func mutated(_ original: [UInt8], with seeds: [[UInt8]] = [], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
        let position = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes[position] = UInt8.random(in: .min ... .max, using: &random)
        case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 1...20, using: &random)))
        case 3:
            bytes.insert(
                contentsOf: (0..<Int.random(in: 1...8, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random) },
                at: position)
        case 4:
            bytes.insert(contentsOf: bytes[position..<min(bytes.count, position + Int.random(in: 1...200, using: &random))], at: position)
        case 5: bytes.replaceSubrange(position..<min(bytes.count, position + 8), with: [0x01] + Array(repeating: 0xFF, count: 7))
        default:
            let other = seeds.randomElement(using: &random) ?? []
            bytes = Array(bytes[..<position] + other.dropFirst(Int.random(in: 0...other.count, using: &random)))
        }
    }
    return bytes
}
