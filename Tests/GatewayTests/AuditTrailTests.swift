import Contract
import Foundation
import Identity
import Store
import TestSupport
import Testing

@testable import Audit
@testable import Gateway

/// What the audit log is told of calls through the whole gateway: it has each record before the answer is there.
@Suite struct AuditTrailTests {
    /// A gateway that asks for signatures, with its log, and the records so far.
    private func with(
        authentication: GatewayConfiguration.Authentication = .signature(regions: nil),
        _ body: (LoopbackGateway, _ records: () throws -> [JSONObject]) async throws -> Void
    ) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "audit-\(UUID()).jsonl").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        var setup = LoopbackGateway.Setup(authentication: authentication)
        setup.auditFile = path
        try await LoopbackGateway.with(setup) { server in
            try await body(server) {
                try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { line in
                    if case .object(let record) = try JSONParser.parse(Array(line.utf8)) { record } else { nil }
                }
            }
        }
    }

    private func text(_ value: JSONValue?) -> String {
        guard let value else { return "" }
        if case .string(let text) = value { return text }
        var json = JSONWriter()
        json.value(value)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test func `each change is written down with what was asked for and answered, before its answer`() async throws {
        try await with { server, records in
            let created = try await server.answer(
                TestRequest(
                    path: "/createStream", headers: [("User-Agent", "test/1")], body: #"{"StreamName":"gate","Tags":{"site":"north"}}"#,
                    key: server.key))
            #expect(created.status == 200)
            let record = try #require(try records().last)
            #expect(text(record["eventVersion"]) == "1.11")
            #expect(text(record["eventSource"]) == "kinesisvideo.amazonaws.com")
            #expect(text(record["eventName"]) == "CreateStream")
            #expect(text(record["awsRegion"]) == Fixture.region)
            #expect(text(record["sourceIPAddress"]) == "127.0.0.1")
            #expect(text(record["userAgent"]) == "test/1")
            #expect(text(record["requestParameters"]) == #"{"streamName":"gate","tags":{"site":"north"}}"#)
            #expect(text(record["responseElements"]).hasPrefix(#"{"streamARN":"arn:aws:kinesisvideo:"#))
            #expect(text(record["requestID"]) == created.header("x-amzn-requestid"))
            #expect(text(record["readOnly"]) == "false")
            #expect(text(record["eventType"]) == "AwsApiCall")
            #expect(text(record["recipientAccountId"]) == Fixture.account)
            #expect(record["errorCode"] == nil)
            let identity = text(record["userIdentity"])
            #expect(identity.contains(#""type":"IAMUser""#) && identity.contains(#""accessKeyId":"\#(server.key.id)""#))
            #expect(!identity.contains(server.key.secret))
            // A call that changes nothing, and one that would and was refused.
            #expect(try await server.answer(TestRequest(key: server.key)).status == 200)
            #expect(try records().count == 1)
            let refused = TestRequest(path: "/createStream", body: #"{"StreamName":"gate"}"#, key: server.key)
            #expect(try await server.answer(refused).status == 400)
            #expect(try text(records().last?["errorCode"]) == "ResourceInUseException")
            #expect(try text(records().last?["responseElements"]) == "null")
            #expect(try await server.store.auditRecords(after: ("", 0), limit: 10).count == 2)
        }
    }

    @Test func `each denial is written down, also of calls that change nothing`() async throws {
        try await with { server, records in
            #expect(try await server.store.addUser(account: Fixture.account, name: "ada") == .done)
            let key = try await server.keys.create(account: Fixture.account, for: .user("ada"), description: "test")
            #expect(try await server.answer(TestRequest(key: key)).status == 403)
            let record = try #require(try records().last)
            #expect(text(record["eventName"]) == "DescribeStream")
            #expect(text(record["errorCode"]) == "AccessDeniedException")
            #expect(text(record["errorMessage"]).contains("user/ada is not authorized"))
            #expect(text(record["requestParameters"]) == #"{"streamName":"gate"}"#)
            #expect(text(record["resources"]) == #"[{"name":"stream/gate"}]"#)
            #expect(text(record["readOnly"]) == "true")
            #expect(text(record["userIdentity"]).contains(#""arn":"arn:aws:iam::\#(Fixture.account):user/ada""#))
        }
    }

    @Test func `of signatures that fail some are written down, without an account`() async throws {
        try await with { server, records in
            let stranger = AccessKey.random(account: Fixture.account)
            let wrong = AccessKey(id: server.key.id, account: Fixture.account, secret: stranger.secret)
            for key in [nil, stranger, wrong] { #expect(try await server.answer(TestRequest(key: key)).status == 403) }
            let records = try records()
            #expect(
                records.map { text($0["errorCode"]) } == [
                    "MissingAuthenticationTokenException", "UnrecognizedClientException", "InvalidSignatureException",
                ])
            #expect(
                records.map { text($0["userIdentity"]) } == [
                    #"{"type":"Unknown"}"#, #"{"type":"Unknown","accessKeyId":"\#(stranger.id)"}"#,
                    #"{"type":"Unknown","accessKeyId":"\#(server.key.id)"}"#,
                ])
            #expect(records.allSatisfy { text($0["recipientAccountId"]) == "" })
        }
    }

    @Test func `a WebSocket is written down when it is opened`() async throws {
        try await with(authentication: .none(account: Fixture.account, region: Fixture.region)) { server, records in
            try await RawConnection.with(server.port) { connection async throws in
                #expect(try await connection.open("/socket?audit", headers: "").status == 101)
                #expect(try text(records().last?["eventName"]) == "EchoSocket")
            }
            #expect(try await server.answer(TestRequest(method: "GET", path: "/socket", body: "")).status != 101)
            #expect(try records().count == 1)
        }
    }

    @Test func `no change is made while what is changed cannot be written down`() async throws {
        try await with { server, records in
            let path = try #require(server.auditFile)
            #expect(
                try await server.answer(TestRequest(path: "/createStream", body: #"{"StreamName":"one"}"#, key: server.key)).status == 200)
            try FileManager.default.moveItem(atPath: path, toPath: path + "-aside")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            defer { try? FileManager.default.removeItem(atPath: path) }
            // The first is made before anybody knows; its caller is told that it may not be.
            for name in ["two", "three"] {
                let request = TestRequest(path: "/createStream", body: #"{"StreamName":"\#(name)"}"#, key: server.key)
                #expect(try await server.answer(request).status == 503)
            }
            let three = try await server.answer(TestRequest(body: #"{"StreamName":"three"}"#, key: server.key))
            #expect(three.status == 404)
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: path + "-aside", toPath: path)
        }
    }
}
