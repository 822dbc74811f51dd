import Foundation
import TestSupport
import Testing

@testable import Gateway

/// More calls than are answered at one time: what is beyond is refused at once, and whoever is not the cause is served.
@Suite struct OverloadTests {
    private func setup() -> LoopbackGateway.Setup {
        var setup = LoopbackGateway.Setup(authentication: .signature(regions: nil))
        setup.callsAtOnce = 8
        return setup
    }

    @Test func `an account has so many calls at once, and another account and the pages of operators are served meanwhile`() async throws {
        try await LoopbackGateway.with(setup()) { server in
            let held = TestRequest(path: "/held", body: "", key: server.key)
            try await withThrowingTaskGroup(of: Int.self) { calls in
                defer { server.gate.open() }
                for _ in 0..<4 { calls.addTask { try await server.answer(held).status } }
                try await eventually("four are held") { server.gate.arrived == 4 }
                for request in [held, TestRequest(key: server.key), TestRequest(path: "/createStream", key: server.key)] {
                    let refused = try await server.answer(request)
                    #expect(refused.status == 503)
                    #expect(refused.header("x-amzn-errortype") == "ServiceUnavailable")
                    #expect(refused.text.contains("Too many calls of this account"))
                }
                #expect(server.gate.arrived == 4)
                // Nobody who signs wrongly takes a place, or learns of it.
                #expect(try await server.answer(TestRequest()).status == 403)
                #expect(try await server.answer(TestRequest(key: server.otherKey)).status == 404)
                for page in ["/live", "/ready", "/metrics"] {
                    #expect(try await server.answer(TestRequest(method: "GET", path: page, body: "")).status == 200)
                }
                server.gate.open()
                for try await status in calls { #expect(status == 200) }
            }
            #expect(server.gateway.callBudget.held == 0)
            #expect(try await server.answer(TestRequest(key: server.key)).status == 404)
        }
    }

    @Test func `who waits for something to happen, and who streams, takes nobody's place`() async throws {
        try await LoopbackGateway.with(setup()) { server in
            try await withThrowingTaskGroup(of: Int.self) { calls in
                defer { server.gate.open() }
                let waiting = TestRequest(path: "/waiting", body: "", key: server.key)
                for _ in 0..<6 { calls.addTask { try await server.answer(waiting).status } }
                try await eventually("six wait") { server.gate.arrived == 6 }
                #expect(server.gateway.callBudget.held == 0)
                #expect(try await server.answer(TestRequest(key: server.key)).status == 404)
                server.gate.open()
                for try await status in calls { #expect(status == 200) }
            }
            try await RawConnection.with(server.port) { connection async throws in
                try await connection.send(TestRequest(method: "GET", path: "/source", body: "", key: server.key).text(server.port))
                try await eventually("the stream has begun") { server.streams.began == 1 }
                #expect(server.gateway.callBudget.held == 0)
            }
        }
    }
}
