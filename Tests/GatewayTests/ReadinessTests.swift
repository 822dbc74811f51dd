import Locking
import TestSupport
import Testing

@testable import Gateway

/// Whoever asks whether the instance is ready learns of it soon, whatever the database does.
@Suite struct ReadinessTests {
    @Test func `one look serves all who ask, and holds for a moment`() async throws {
        let gate = Gate()
        let readiness = Readiness(patience: .seconds(60), validity: .seconds(60)) {
            await gate.pass()
            return "no schema"
        }
        async let first = readiness.obstacle()
        try await eventually("it looks") { gate.arrived == 1 }
        async let second = readiness.obstacle()
        gate.open()
        #expect(await [first, second] == ["no schema", "no schema"])
        #expect(try await atOnce(50) { _ in await readiness.obstacle() }.allSatisfy { $0 == "no schema" })
        #expect(gate.arrived == 1)
    }

    @Test func `a look that ends when patience does leaves nothing behind`() async throws {
        let readiness = Readiness(patience: .milliseconds(1), validity: .zero) {
            try? await Task.sleep(for: .microseconds(.random(in: 900...1200)))
            return nil
        }
        for _ in 0..<500 { _ = await readiness.obstacle() }
        try await eventually("it is ready") { await readiness.obstacle() == nil }
    }

    @Test func `a database that does not answer is an obstacle until it does`() async throws {
        let answers = Lock(false)
        let looks = Lock(0)
        let readiness = Readiness(patience: .milliseconds(10), validity: .zero) {
            looks.withLock { $0 += 1 }
            while !answers.withLock({ $0 }) { await Task.yield() }
            return nil
        }
        for _ in 0..<3 { #expect(await readiness.obstacle() == "the database has not answered in time") }
        #expect(looks.withLock { $0 } == 1)
        answers.withLock { $0 = true }
        try await eventually("it is ready") { await readiness.obstacle() == nil }
        readiness.drain()
        #expect(await readiness.obstacle() == "draining")
    }
}
