import Contract
import Foundation
import Identity
import Store
import TestSupport
import Testing

@testable import Gateway

/// Temporary credentials through the whole gateway: what they must come with, and what they end with.
@Suite struct SessionTests {
    private static let trust = #"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}"#
    private static let reads =
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesisvideo:DescribeStream","Resource":"arn:aws:kinesisvideo:*:*:stream/gate/*"}}"#

    private static func with(_ body: (LoopbackGateway) async throws -> Void) async throws {
        try await LoopbackGateway.with(LoopbackGateway.Setup(authentication: .signature(regions: nil))) { server in
            try await server.store.putPolicy(account: Fixture.account, name: "reads", document: reads)
            try await addRole(server)
            try await body(server)
        }
    }

    private static func addRole(_ server: LoopbackGateway) async throws {
        #expect(
            try await server.store.addRole(
                account: Fixture.account, name: "watch", id: AccessKeys.newRoleID(), trust: trust, longestSession: 3600, policies: ["reads"]
            )
                == .done)
    }

    /// The store's time stands still in tests: a lifetime that reaches the time of the gateway is of years.
    private static let years: Int64 = 30 * 366 * 86_400

    private static func session(
        _ server: LoopbackGateway, lifetime: Int64 = years, policy: String? = nil
    ) async throws -> TemporaryCredentials {
        let role = try #require(try await server.store.role(account: Fixture.account, name: "watch"))
        return try server.keys.credentials(of: role, SessionTerms(lifetime: lifetime, name: "ada", policy: policy))
    }

    /// The status of a call, and of a refusal the error's name.
    private static func outcome(
        _ server: LoopbackGateway, _ made: TemporaryCredentials, token: String?, stream: String = "gate"
    ) async throws -> String {
        let answer = try await server.answer(
            TestRequest(
                headers: token.map { [("X-Amz-Security-Token", $0)] } ?? [], body: #"{"StreamName":"\#(stream)"}"#,
                key: AccessKey(id: made.id, account: Fixture.account, secret: made.secret)))
        return "\(answer.status) \(answer.header("x-amzn-errortype") ?? "")"
    }

    private static let (allowed, denied) = ("404 ResourceNotFoundException", "403 AccessDeniedException")
    private static let (unknown, ended) = ("403 UnrecognizedClientException", "403 ExpiredTokenException")

    @Test func `a session comes with its own token`() async throws {
        try await Self.with { server in
            let (made, other) = (try await Self.session(server), try await Self.session(server))
            // In this order, so that nothing that is kept for five seconds helps or harms.
            for _ in 0..<2 {
                #expect(try await Self.outcome(server, made, token: nil) == Self.unknown)
                #expect(try await Self.outcome(server, made, token: other.token) == Self.unknown)
                #expect(try await Self.outcome(server, made, token: String(made.token.dropLast(4))) == Self.unknown)
                #expect(try await Self.outcome(server, made, token: "AAAA") == Self.unknown)
                #expect(try await Self.outcome(server, made, token: made.token) == Self.allowed)
                #expect(try await Self.outcome(server, made, token: made.token, stream: "door") == Self.denied)
            }
            // The secret of another session does not sign for this one.
            let mixed = TestRequest(
                headers: [("X-Amz-Security-Token", made.token)],
                key: AccessKey(id: made.id, account: Fixture.account, secret: other.secret))
            #expect(try await server.answer(mixed).header("x-amzn-errortype") == "InvalidSignatureException")
            // A key that is none of a session goes with no token.
            let signed = TestRequest(headers: [("X-Amz-Security-Token", made.token)], key: server.key)
            #expect(try await server.answer(signed).header("x-amzn-errortype") == "UnrecognizedClientException")
        }
    }

    @Test func `a session ends by itself, or when sessions are revoked`() async throws {
        try await Self.with { server in
            let over = try await Self.session(server, lifetime: 0)
            #expect(try await Self.outcome(server, over, token: over.token) == Self.ended)

            let revoked = try await Self.session(server)
            #expect(try await server.store.revokeSessions(account: Fixture.account, role: "watch") == .done)
            #expect(try await Self.outcome(server, revoked, token: revoked.token) == Self.unknown)
        }
    }

    @Test func `a role that is made anew under an old name takes no session of the old one`() async throws {
        try await Self.with { server in
            let orphan = try await Self.session(server)
            #expect(try await server.store.remove(.role("watch"), account: Fixture.account) == .done)
            try await Self.addRole(server)
            #expect(try await Self.outcome(server, orphan, token: orphan.token) == Self.unknown)
        }
    }

    @Test func `a policy of the session narrows the role's`() async throws {
        try await Self.with { server in
            let doors = Self.reads.replacing("gate", with: "door")
            for (policy, stream, expected) in [
                (doors, "gate", Self.denied), (doors, "door", Self.denied), (Self.reads, "gate", Self.allowed),
                (Self.reads.replacing("Allow", with: "Deny"), "gate", Self.denied), ("not a policy", "gate", Self.denied),
            ] {
                let made = try await Self.session(server, policy: policy)
                #expect(try await Self.outcome(server, made, token: made.token, stream: stream) == expected, "\(policy)")
            }
        }
    }

    @Test func `a session of a key ends with the key`() async throws {
        try await Self.with { server in
            let key = try await server.keys.create(account: Fixture.account, description: "test")
            func session() throws -> TemporaryCredentials {
                let caller = Caller(
                    principal: Principal(account: Fixture.account, keyID: key.id, reach: .account), region: Fixture.region, requestID: "r",
                    invocation: nil, origin: nil,
                    circumstances: Caller.Circumstances(time: Int64(Date().timeIntervalSince1970 * 1000)))
                return try server.keys.credentials(of: caller, lifetime: 900)
            }
            let (first, second) = (try session(), try session())
            #expect(try await Self.outcome(server, first, token: first.token) == Self.allowed)
            #expect(try await server.keys.disable(key.id))
            #expect(try await Self.outcome(server, second, token: second.token) == Self.unknown)
        }
    }

    @Test func `a device has credentials where the role trusts the service`() async throws {
        try await Self.with { server in
            let role = try #require(try await server.store.role(account: Fixture.account, name: "watch"))
            let terms = SessionTerms(lifetime: Self.years, name: "cert", context: ["credentials-iot:thingname": "gate"])
            #expect(try server.keys.credentials(of: role, for: "credentials.iot.amazonaws.com", terms) == nil)
            let trust = Self.trust.replacing(#"{"AWS":"111122223333"}"#, with: #"{"Service":"credentials.iot.amazonaws.com"}"#)
            #expect(try await server.store.setTrust(trust, account: Fixture.account, role: "watch") == .done)
            let document = Self.reads.replacing("stream/gate", with: "stream/${credentials-iot:ThingName}")
            try await server.store.putPolicy(account: Fixture.account, name: "reads", document: document)
            let trusting = try #require(try await server.store.role(account: Fixture.account, name: "watch"))
            let made = try #require(try server.keys.credentials(of: trusting, for: "credentials.iot.amazonaws.com", terms))
            #expect(try await Self.outcome(server, made, token: made.token) == Self.allowed)
            #expect(try await Self.outcome(server, made, token: made.token, stream: "door") == Self.denied)
        }
    }
}
