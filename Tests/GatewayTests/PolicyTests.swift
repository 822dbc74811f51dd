import Contract
import Identity
import Store
import TestSupport
import Testing

@testable import Gateway

/// Users through the whole gateway: what their policies do not allow is refused before it is looked at.
@Suite struct PolicyTests {
    @Test func `no operation is called by a user without policies`() async throws {
        try await LoopbackGateway.with(LoopbackGateway.Setup(authentication: .signature(regions: nil))) { server in
            #expect(try await server.store.addUser(account: Fixture.account, name: "ada") == .done)
            let key = try await server.keys.create(account: Fixture.account, for: .user("ada"), description: "test")
            // Those of the other planes are tested with them.
            for id in OperationID.allCases where ![.media, .archivedMedia, .signaling].contains(id.api) {
                let route = id.contract.route
                let request = TestRequest(method: route.method.rawValue, path: route.path, body: id.contract.exampleRequest, key: key)
                let answer = try await server.answer(request)
                #expect(answer.status == 403, "\(id): \(answer.text)")
                #expect(answer.header("x-amzn-errortype") == "AccessDeniedException", "\(id)")
                #expect(answer.text.contains("kinesisvideo:\(id.rawValue)"), "\(id)")
            }
        }
    }

    @Test func `a policy holds for the user's keys, and its change within the age of what is kept`() async throws {
        try await LoopbackGateway.with(LoopbackGateway.Setup(authentication: .signature(regions: nil))) { server in
            let document =
                #"{"Statement":{"Effect":"Allow","Action":"kinesisvideo:DescribeStream","Resource":"arn:aws:kinesisvideo:*:*:stream/gate/*"}}"#
            try await server.store.putPolicy(account: Fixture.account, name: "p", document: document)
            #expect(try await server.store.addUser(account: Fixture.account, name: "ada", policies: ["p"]) == .done)
            let key = try await server.keys.create(account: Fixture.account, for: .user("ada"), description: "test")
            #expect(try await server.answer(TestRequest(key: key)).status == 404)
            let other = try await server.answer(TestRequest(body: #"{"StreamName":"door"}"#, key: key))
            #expect(other.status == 403)
            #expect(
                other.text.contains(
                    "User: arn:aws:iam::\(Fixture.account):user/ada is not authorized to perform: kinesisvideo:DescribeStream on resource: door"
                ))
            // A policy that nobody can read allows nothing: another key of the user reads it anew.
            try await server.store.putPolicy(account: Fixture.account, name: "p", document: document.replacing("Allow", with: "allow"))
            let second = try await server.keys.create(account: Fixture.account, for: .user("ada"), description: "test")
            #expect(try await server.answer(TestRequest(key: second)).status == 403)
        }
    }
}
