import Foundation
import Seeded
import Testing

@testable import Matroska

/// Inputs with mistakes in them. Each has a number and is the same in every run; `ops/fuzz parser` tries others and more of them.
@Suite struct MutationTests {
    private static func setting(_ name: String) throws -> UInt64? {
        guard let text = ProcessInfo.processInfo.environment[name] else { return nil }
        let number: UInt64 = try #require(UInt64(text), "\(name) is a number")
        return number
    }

    @Test func `mutated streams end in events or in a violation, however they are cut`() throws {
        let first = try Self.setting("WEIR_FUZZ_FIRST") ?? 0
        let count = try Self.setting("WEIR_FUZZ_INPUTS") ?? 20_000
        let seeds = ParserTests.streams + (try VectorTests.names.map { Array(try VectorTests.bytes($0).prefix(3000)) })
        var violations: Set<Violation.Reason> = []
        var fragments = 0
        for number in first..<first + count {
            if number > 0, number.isMultiple(of: 100_000) { print("input \(number)") }
            var random = SeededGenerator(seed: number)
            let bytes = mutated(seeds.randomElement(using: &random) ?? [], with: seeds, &random)
            let whole = Reading(bytes)
            let size = Int.random(in: 1...64, using: &random)
            try #require(Reading(bytes) { size } == whole, "input \(number)")
            for fragment in whole.fragments { _ = try Cluster(reading: fragment) }
            if let trackSet = whole.trackSet { try #require(try TrackSet(reading: trackSet.document) == trackSet, "input \(number)") }
            fragments += whole.fragments.count
            if let reason = whole.reason { violations.insert(reason) }
        }
        // The mutations reach what they are for.
        if count >= 20_000 { #expect(violations.count >= 16 && fragments > 3000, "\(violations), \(fragments) fragments") }
    }
}
