import Identity
import TestSupport
import Testing

@testable import Gateway

@Suite struct FailedSignaturesTests {
    @Test func `an address is told, then made to wait, then refused, and forgiven with time`() {
        let failed = FailedSignatures(limit: 100)
        for _ in 0..<9 { failed.count("192.0.2.1", now: 0) }
        #expect(failed.verdict(on: "192.0.2.1", now: 0) == .told)
        failed.count("192.0.2.1", now: 0)
        #expect(failed.verdict(on: "192.0.2.1", now: 0) == .delayed)
        for _ in 0..<90 { failed.count("192.0.2.1", now: 0) }
        #expect(failed.verdict(on: "192.0.2.1", now: 0) == .refused)
        #expect(failed.verdict(on: "192.0.2.2", now: 0) == .told)
        #expect(failed.verdict(on: "192.0.2.1", now: 1) == .delayed)
        #expect(failed.verdict(on: "192.0.2.1", now: 91) == .told)
        // However long an attack goes on, it is forgiven in twice the time.
        for _ in 0..<100_000 { failed.count("192.0.2.1", now: 100) }
        #expect(failed.verdict(on: "192.0.2.1", now: 201) == .delayed)
    }

    @Test func `of IPv6 a network counts as one`() {
        let failed = FailedSignatures(limit: 10)
        for number in 0..<10 { failed.count("2001:db8::\(number)", now: 0) }
        #expect(failed.verdict(on: "2001:db8:0:0:ffff::1", now: 0) == .refused)
        #expect(failed.verdict(on: "2001:db8:0:1::1", now: 0) == .told)
    }

    @Test func `a million addresses are no more than ten thousand in memory`() {
        let failed = FailedSignatures(limit: 1000)
        for number in 0..<1_000_000 { failed.count("10.\(number >> 16).\(number >> 8 & 255).\(number & 255)", now: 0) }
        #expect(failed.addresses <= FailedSignatures.capacity)
    }

    @Test func `who guesses keys is refused, and who has one is served, from the same address`() async throws {
        var setup = LoopbackGateway.Setup(authentication: .signature(regions: nil))
        setup.failedSignatures = 10
        try await LoopbackGateway.with(setup) { server in
            #expect(try await server.answer(TestRequest(key: server.key)).status == 404)
            var types: [String?] = []
            // Some of the failures are forgiven while others are answered late.
            while types.last != "ThrottlingException", types.count < 100 {
                types.append(try await server.answer(TestRequest(key: .random(account: Fixture.account))).header("x-amzn-errortype"))
            }
            #expect(types.count > 10 && types.last == "ThrottlingException")
            #expect(types.dropLast().allSatisfy { $0 == "UnrecognizedClientException" })
            #expect(try await server.answer(TestRequest(key: server.key)).status == 404)
        }
    }
}
