import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// What large bodies may take of memory, and who of it how much.
@Suite struct BudgetTests {
    @Test func `a holder gets no more than it leaves to all others`() {
        let budget = Budget(1024)
        #expect(!budget.take(513, for: "a"))
        #expect(budget.take(512, for: "a"))
        #expect(!budget.take(1, for: "a"))
        #expect(budget.take(256, for: "b"))
        #expect(!budget.take(1, for: "b"))
        #expect(budget.take(128, for: "c"))
        #expect(budget.held == 896)
        // Those whose share is not known have all there is, and no more.
        #expect(!budget.take(129, for: nil))
        #expect(budget.take(128, for: nil))
        #expect(!budget.take(1, for: "d"))
        budget.giveBack(500, for: "a")
        #expect(budget.take(100, for: "a"))
        budget.giveBack(112, for: "a")
        budget.giveBack(256, for: "b")
        budget.giveBack(128, for: "c")
        budget.giveBack(128, for: nil)
        #expect(budget.held == 0)
        #expect(budget.take(512, for: "a"))
    }

    @Test func `an account whose answers nobody reads leaves room for the answers of others`() async throws {
        var setup = LoopbackGateway.Setup(authentication: .signature(regions: nil))
        // More than the buffers of a socket take.
        let size = 12 << 20
        setup.largeReplies = 4 * size
        try await LoopbackGateway.with(setup) { server in
            let budget = server.gateway.replyBudget
            let idle = TestRequest(path: "/large", body: String(size), key: server.key)
            try await RawConnection.with(server.port) { first in
                try await first.send(idle.text(server.port))
                try await eventually("the first is held") { budget.held == size }
                try await RawConnection.with(server.port) { second in
                    try await second.send(idle.text(server.port))
                    try await eventually("the second is held") { budget.held == 2 * size }
                    let third = try await server.answer(idle)
                    #expect(third.status == 503)
                    #expect(third.header("x-amzn-errortype") == "ServiceUnavailable")
                    // Small ones are not counted, and another account has a share of its own.
                    #expect(try await server.answer(TestRequest(path: "/large", body: "65536", key: server.key)).status == 200)
                    let other = try await server.answer(TestRequest(path: "/large", body: String(size), key: server.otherKey))
                    #expect(other.status == 200)
                    #expect(other.body.count == size)
                }
            }
            try await eventually("what was held is free again") { budget.held == 0 }
            #expect(try await server.answer(idle).status == 200)
            // What takes nothing out of the budget gives nothing back.
            let body = #"{"StreamName":"a","Tags":{"\#(String(repeating: "*", count: 70_000))":""}}"#
            #expect(try await server.answer(TestRequest(path: "/tagStream", body: body, key: server.key)).status == 400)
            try await eventually("it is free again") { budget.held == 0 && server.gateway.bodyBudget.held == 0 }
        }
    }

    @Test func `an address whose large bodies do not arrive leaves room for others`() async throws {
        var setup = LoopbackGateway.Setup()
        setup.largeBodies = 400_000
        try await LoopbackGateway.with(setup) { server in
            let budget = server.gateway.bodyBudget
            let body = #"{"StreamName":"gate","X":"\#(String(repeating: "x", count: 180_000))"}"#
            let text = TestRequest(body: body).text(server.port)
            try await RawConnection.with(server.port) { slow in
                try await slow.send(String(text.dropLast()))
                try await eventually("it is held") { budget.held > 150_000 }
                #expect(try await server.answer(TestRequest(body: body)).status == 503)
                #expect(try await server.answer(TestRequest()).status == 404)
                #expect(budget.take(100_000, for: "127.0.0.2"))
                budget.giveBack(100_000, for: "127.0.0.2")
                try await slow.send(String(text.suffix(1)))
                #expect(try await slow.answer().status == 404)
            }
            try await eventually("it is free again") { budget.held == 0 }
            #expect(try await server.answer(TestRequest(body: body)).status == 404)
        }
    }
}
