import FragmentStore
import Seeded
import TestSupport
import Testing

@Suite struct FragmentNumberTests {
    @Test func `a number that the service gave has its parts`() throws {
        let number = try #require(FragmentNumber("91343852333754009371412493862204112772176002064"))
        #expect(number.sequence == 115_631_001)
        #expect(number.serverTime == 1_616_878_287_537)
        #expect(number.description == "91343852333754009371412493862204112772176002064")
    }

    @Test func `the first number is 2 to the 156th`() {
        #expect(FragmentNumber(sequence: 0, serverTime: 0, random: 0)?.description == "91343852333181432387730302044767688728495783936")
    }

    @Test func `texts and parts are the same`() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<10_000 {
            let number = try #require(
                FragmentNumber(
                    sequence: .random(in: 0..<1 << 60, using: &random), serverTime: .random(in: 0...(.max), using: &random),
                    random: .random(in: 0..<1 << 28, using: &random)))
            #expect(number.description.utf8.count == 47)
            #expect(FragmentNumber(number.description) == number)
        }
    }

    @Test func `numbers are in the order of their texts`() throws {
        var random = SeededGenerator(seed: 8)
        let numbers = try (0..<2000).map { _ in
            try #require(
                FragmentNumber(
                    sequence: .random(in: 0..<5000, using: &random), serverTime: .random(in: 0..<5, using: &random),
                    random: .random(in: 0..<3, using: &random)))
        }
        #expect(numbers.sorted().map(\.description) == numbers.map(\.description).sorted())
    }

    @Test(arguments: [
        "", "1", "9134385233318143238773030204476768872849578393", "91343852333181432387730302044767688728495783935",
        "913438523331814323877303020447676887284957839360", "9134385233318143238773030204476768872849578393x",
        "99999999999999999999999999999999999999999999999", "00000000000000000000000000000000000000000000001",
        " 9134385233318143238773030204476768872849578393", "９1343852333181432387730302044767688728495783936",
    ])
    func `what no fragment can have is none`(_ text: String) {
        #expect(FragmentNumber(text) == nil)
    }
}
