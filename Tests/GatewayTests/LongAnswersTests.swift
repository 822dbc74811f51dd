import Contract
import Locking
import TestSupport
import Testing

@testable import Gateway

/// Who makes a long answer when.
@Suite struct LongAnswersTests {
    @Test func `accounts take turns, and the calls of an account keep their order`() async throws {
        let answers = LongAnswers(limit: 1)
        let order = Lock<[String]>([])
        let (gate, open) = AsyncStream.makeStream(of: Never.self)
        await withTaskGroup { group in
            func call(_ name: String, of account: String) -> @Sendable () async -> Void {
                {
                    do throws(OperationError) {
                        try await answers.take(turnOf: account) {
                            for await _ in gate {}
                            order.withLock { $0.append(name) }
                        }
                    } catch {
                        order.withLock { $0.append("not " + name) }
                    }
                }
            }
            var leaving: Task<Void, Never>?
            for (count, (name, account)) in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("a4", "a"), ("b1", "b"), ("b2", "b")].enumerated() {
                let call = call(name, of: account)
                if name == "a2" { leaving = Task { await call() } } else { group.addTask { await call() } }
                try? await eventually("it waits") { answers.underWay == 1 && answers.waiting == count }
            }
            leaving?.cancel()
            await leaving?.value
            #expect(answers.waiting == 4)
            open.finish()
            await group.waitForAll()
        }
        #expect(order.withLock { $0 } == ["not a2", "a1", "a3", "b1", "a4", "b2"])
        #expect(answers.underWay == 0 && answers.waiting == 0)
    }

    @Test func `a long list waits for its turn, unless its client leaves; a short one does not`() async throws {
        var setup = LoopbackGateway.Setup(authentication: .signature(regions: nil))
        setup.longAnswers = 1
        try await LoopbackGateway.with(setup) { server in
            let answers = server.gateway.longAnswers
            let (gate, open) = AsyncStream.makeStream(of: Never.self)
            async let held: Void = answers.take(turnOf: "of another account") { for await _ in gate {} }
            try await eventually("it is made") { answers.underWay == 1 }
            let long = TestRequest(path: "/listStreams", body: "{}", key: server.key)
            try await RawConnection.with(server.port) { patient in
                try await patient.send(long.text(server.port))
                try await eventually("the first waits") { answers.waiting == 1 }
                try await RawConnection.with(server.port) { impatient in
                    try await impatient.send(long.text(server.port))
                    try await eventually("the second waits") { answers.waiting == 2 }
                }
                try await eventually("the second has left") { answers.waiting == 1 }
                for path in ["/listStreams", "/listSignalingChannels"] {
                    let short = TestRequest(path: path, body: #"{"MaxResults":1000}"#, key: server.key)
                    #expect(try await server.answer(short).status == 200)
                }
                open.finish()
                #expect(try await patient.answer().status == 200)
            }
            try await held
            try await eventually("nobody is left") { answers.underWay == 0 && answers.waiting == 0 }
        }
    }
}
