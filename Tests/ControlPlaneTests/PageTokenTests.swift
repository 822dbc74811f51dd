import Contract
import FoundationEssentials
import Identity
import Store
import Testing

@testable import ControlPlane

@Suite struct PageTokenTests {
    private static func isRefused(_ token: String?, filter: String = "filter", _ call: Call, _ tokens: PageTokens) -> Bool {
        do throws(OperationError) {
            _ = try tokens.last(in: token, filter: filter, call)
            return false
        } catch {
            return error.code == .invalidArgument
        }
    }

    private static func withCall(_ body: (_ call: (OperationID, Caller) -> Call, _ tokens: PageTokens) throws -> Void) async throws {
        try await Plane.with { plane in
            try body({ Call(plane: plane.control, caller: $1, contract: $0.contract) }, plane.control.pageTokens)
        }
    }

    @Test func `a token leads to the name that it was made for, and none to the first page`() async throws {
        try await Self.withCall { call, tokens throws in
            let call = call(.listStreams, .test())
            for name in ["a", "gate-7", String(repeating: "n", count: 256)] {
                let token = tokens.token(after: name, filter: "filter", call)
                #expect(token.utf8.count <= 1024)
                #expect(try tokens.last(in: token, filter: "filter", call) == name)
            }
            #expect(try tokens.last(in: nil, filter: "filter", call) == nil)
            #expect(try tokens.last(in: "", filter: "filter", call) == nil)
        }
    }

    @Test func `a token is refused with any bit turned over and at any other length`() async throws {
        try await Self.withCall { call, tokens throws in
            let call = call(.listStreams, .test())
            let bytes = try #require(Data(base64Encoded: tokens.token(after: "gate", filter: "filter", call)))
            for bit in 0..<bytes.count * 8 {
                var changed = bytes
                changed[bit / 8] ^= 1 << (bit % 8)
                #expect(Self.isRefused(changed.base64EncodedString(), call, tokens), "bit \(bit)")
            }
            for length in 1..<bytes.count {
                #expect(Self.isRefused(bytes.prefix(length).base64EncodedString(), call, tokens), "length \(length)")
            }
            #expect(Self.isRefused((bytes + Data([65])).base64EncodedString(), call, tokens))
            for text in ["!", "gate", "AAAA", " ", "ÄÖÜ", "=", String(repeating: "A", count: 1024)] {
                #expect(Self.isRefused(text, call, tokens), "\(text)")
            }
        }
    }

    @Test func `a token is bound to operation, account, region, filter and master key`() async throws {
        try await Self.withCall { call, tokens throws in
            let own = call(.listStreams, .test())
            let token = tokens.token(after: "gate", filter: "filter", own)
            #expect(!Self.isRefused(token, own, tokens))
            #expect(Self.isRefused(token, call(.listTagsForStream, .test()), tokens))
            #expect(Self.isRefused(token, call(.listStreams, .test(account: "999988887777")), tokens))
            #expect(Self.isRefused(token, call(.listStreams, .test(region: "eu-west-2")), tokens))
            #expect(Self.isRefused(token, filter: "filte", own, tokens))
            #expect(Self.isRefused(token, filter: "", own, tokens))
            let other = PageTokens(try #require(MasterKey(Array(repeating: 7, count: 32))))
            #expect(Self.isRefused(token, own, other))
        }
    }
}
