import Testing

@testable import Contract

/// Members that are bound to headers and the query: of operations that exist in here only.
@Suite struct BindingTests {
    /// Bytes in, bytes out, all else in headers and the query.
    private enum Pour: Contract.Operation {
        struct Input: Sendable {
            let streamName: String
            let startTime: Timestamp?
            let limit: Int?
            let isLast: Bool?
            let kind: ChannelType?
        }

        struct Output: Sendable {
            let contentType: String
            let startTime: Timestamp?
        }

        static let input = structure(
            "PourInput", Input.init,
            header("x-amzn-stream-name", required("StreamName", .resourceName, \.streamName, "The stream.")),
            header("x-amzn-start-time", optional("StartTime", .timestamp, \.startTime, "When it starts.")),
            query("limit", optional("Limit", .integer(minimum: 1, maximum: 9), \.limit, "How many at most.")),
            query("is-last", optional("IsLast", .boolean, \.isLast, "Whether nothing follows.")),
            query("kind", optional("Kind", .enumeration(ChannelType.self), \.kind, "Of which kind.")))

        static let output: Shape<Output>? = structure(
            "PourOutput", Output.init,
            header("Content-Type", required("ContentType", .mediaType, \.contentType, "What comes.")),
            header("x-amzn-start-time", optional("StartTime", .timestamp, \.startTime, "When it started.")))

        static let contract = OperationContract(
            of: Self.self, .controlPlane, .post("/pour"), payload: .stream, answer: .stream, .changes, area: .streams, needs: .active,
            rate: RequestRate(perAccount: 5), summary: "Pour", documentation: "Takes bytes and answers with bytes.",
            errors: [.resourceNotFound])
    }

    /// A body beside what is bound, at the same path by another method.
    private enum Sip: Contract.Operation {
        struct Input: Sendable {
            let channelARN: String
            let note: String?
        }

        struct Output: Sendable {
            let count: Int
            let tag: String?
        }

        static let input = structure(
            "SipInput", Input.init,
            query("X-Amz-ChannelARN", required("ChannelARN", .resourceARN, \.channelARN, "The channel.")),
            optional("Note", .deviceName, \.note, "What to note."))

        static let output: Shape<Output>? = structure(
            "SipOutput", Output.init,
            required("Count", .integer(), \.count, "How many there were."),
            header("x-tag", optional("Tag", .string(0...20), \.tag, "A mark.")))

        static let contract = OperationContract(
            of: Self.self, .controlPlane, .get("/pour"), .reads, area: .channels, needs: .any, rate: RequestRate(perAccount: 5),
            summary: "Sip", documentation: "Answers a little.", errors: [.resourceNotFound], exampleRequest: #"{"Note":"x"}"#,
            exampleResponse: #"{"Count":1}"#)
    }

    private struct Head: RequestHead {
        var headers: [String: String] = [:]
        var parameters: [String: String] = [:]

        func header(_ name: String) -> String? { headers[name.lowercased()] }
        func query(_ name: String) -> String? { parameters[name] }
    }

    private func refusal<O: Contract.Operation>(of operation: O.Type, _ head: Head, body: String = "") -> OperationError? {
        do {
            _ = try decoded(operation, head, body: body)
            return nil
        } catch {
            return error as? OperationError
        }
    }

    private func decoded<O: Contract.Operation>(_ operation: O.Type, _ head: Head, body: String = "") throws -> O.Input {
        try Array(body.utf8).withUnsafeBytes { try O.decode($0, head) }
    }

    // MARK: Requests

    @Test func textsBecomeValues() throws {
        let all = try decoded(
            Pour.self,
            Head(
                headers: ["x-amzn-stream-name": "gate-7", "x-amzn-start-time": "1705489836.421"],
                parameters: ["limit": "9", "is-last": "true", "kind": "FULL_MESH"]),
            body: "not JSON")
        #expect(all.streamName == "gate-7" && all.limit == 9 && all.isLast == true && all.kind == .fullMesh)
        #expect(all.startTime == Timestamp(millisecondsSinceEpoch: 1_705_489_836_421))
        let least = try decoded(Pour.self, Head(headers: ["x-amzn-stream-name": "7"]))
        #expect(least.streamName == "7" && least.startTime == nil && least.limit == nil && least.isLast == nil && least.kind == nil)
        let whole = try decoded(Pour.self, Head(headers: ["x-amzn-stream-name": "true", "x-amzn-start-time": "17"]))
        #expect(whole.streamName == "true" && whole.startTime == Timestamp(millisecondsSinceEpoch: 17_000))
    }

    @Test func violationsKeepTheirPaths() {
        let refusal = refusal(of: Pour.self, Head(headers: [:], parameters: ["limit": "10", "kind": "ROUND"]))
        #expect(refusal?.code == .validation)
        #expect(
            refusal?.publicMessage
                == "3 validation errors detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null; "
                + "Value '10' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 9; "
                + "Value 'ROUND' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [SINGLE_MASTER, FULL_MESH]")
    }

    @Test(arguments: [
        ("x-amzn-start-time", "yesterday"), ("x-amzn-start-time", "\"17\""), ("x-amzn-start-time", ""), ("x-amzn-start-time", "null"),
        ("limit", "1.5"), ("limit", "true"), ("limit", "0x1"), ("limit", "[1]"), ("is-last", "1"), ("is-last", "True"), ("is-last", ""),
    ])
    func textsOfAnotherTypeAreRefused(_ name: String, _ text: String) {
        var head = Head(headers: ["x-amzn-stream-name": "gate"])
        if name.hasPrefix("x-") { head.headers[name] = text } else { head.parameters[name] = text }
        #expect(refusal(of: Pour.self, head)?.code == .serialization)
    }

    @Test func aBodyStandsBesideWhatIsBound() throws {
        let arn = "arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421"
        let head = Head(parameters: ["X-Amz-ChannelARN": arn])
        #expect(try decoded(Sip.self, head).note == nil)
        let both = try decoded(Sip.self, head, body: #"{"Note":"a","ChannelARN":7}"#)
        #expect(both.channelARN == arn && both.note == "a")
        // What is bound to the query is not taken from the body.
        #expect(refusal(of: Sip.self, Head(), body: #"{"ChannelARN":"\#(arn)"}"#)?.publicMessage.contains("null at 'channelARN'") == true)
        #expect(refusal(of: Sip.self, head, body: "[]")?.publicMessage == "The request body must be an object, not an array.")
        #expect(refusal(of: Sip.self, head, body: "{")?.code == .serialization)
        #expect(refusal(of: Sip.self, head, body: #"{"Note":"a b"}"#)?.publicMessage.contains("at 'note'") == true)
    }

    @Test func operationsOfABodyAloneReadTheSame() throws {
        let head = Head(headers: ["streamname": "other"], parameters: ["StreamName": "other"])
        #expect(try decoded(DescribeStream.self, head, body: #"{"StreamName":"gate"}"#).streamName == "gate")
    }

    // MARK: Answers

    @Test func boundMembersOfAnAnswerAreHeaders() {
        let poured = Pour.headers(
            of: Pour.Output(contentType: "video/webm;\"q\"", startTime: Timestamp(millisecondsSinceEpoch: 1_705_489_836_421)))
        #expect(poured.map(\.name) == ["Content-Type", "x-amzn-start-time"])
        #expect(poured.map(\.value) == ["video/webm;\"q\"", "1705489836.421"])
        #expect(Pour.headers(of: Pour.Output(contentType: "a/b", startTime: nil)).map(\.name) == ["Content-Type"])
        let sipped = Sip.Output(count: 3, tag: "mark")
        #expect(Sip.headers(of: sipped).map(\.value) == ["mark"])
        #expect(String(decoding: Sip.encode(sipped), as: UTF8.self) == #"{"Count":3}"#)
        #expect(ListTagsForStream.headers(of: ListTagsForStream.Output(nextToken: nil, tags: [])).isEmpty)
    }

    // MARK: Routes

    @Test func aPathMayHaveSeveralMethods() {
        let routes = Routes([(Pour.contract.route, "pour"), (Sip.contract.route, "sip"), (.get("/"), "root")])
        func outcome(_ method: String, _ path: Substring) -> String {
            switch routes.match(method: method, path: path) {
            case .found(let target): target
            case .otherMethod(let allowed, let target): "\(target): \(allowed.map(\.rawValue).joined(separator: ", "))"
            case .unknown: "unknown"
            }
        }
        #expect(outcome("POST", "/pour") == "pour" && outcome("GET", "/pour") == "sip" && outcome("GET", "/") == "root")
        #expect(outcome("PUT", "/pour") == "pour: POST, GET" && outcome("post", "/pour") == "pour: POST, GET")
        #expect(outcome("POST", "/") == "root: GET")
        #expect(outcome("GET", "/Pour") == "unknown" && outcome("GET", "/pour/") == "unknown" && outcome("GET", "") == "unknown")
    }

    @Test func pathsAreComparedByteByByte() {
        let routes = Routes([(.post("/K\u{e9}"), 1)])
        for other in ["/\u{212A}\u{e9}", "/Ke\u{301}"] {
            guard case .unknown = routes.match(method: "POST", path: other[...]) else {
                Issue.record("\(other) is taken for another path")
                continue
            }
        }
        guard case .unknown = OperationID.routes.match(method: "POST", path: "/tagResource") else {
            Issue.record("/tagResource is taken for /TagResource")
            return
        }
        guard case .otherMethod(let allowed, .tagResource) = OperationID.routes.match(method: "GET", path: "/TagResource") else {
            Issue.record("GET /TagResource is not told apart")
            return
        }
        #expect(allowed == [.post])
    }

    // MARK: The document

    @Test func theDocumentShowsWhatIsBound() throws {
        let document = OpenAPIDocument.document(of: .controlPlane, [Pour.contract, Sip.contract])
        let path = document["paths"]["/pour"]
        #expect(document["paths"].names == ["/pour"] && path.names == ["post", "get"])

        let parameters = path["post"]["parameters"].elements
        #expect(parameters.map { $0["name"] } == ["x-amzn-stream-name", "x-amzn-start-time", "limit", "is-last", "kind"])
        #expect(parameters.map { $0["in"] } == ["header", "header", "query", "query", "query"])
        #expect(parameters.map { $0["required"] } == [.bool(true), .bool(false), .bool(false), .bool(false), .bool(false)])
        #expect(parameters[0]["schema"]["minLength"] == .integer(1))
        #expect(parameters[1]["description"] == "When it starts. In seconds since the epoch, with up to three decimals.")
        #expect(parameters[2]["schema"]["maximum"] == .integer(9))
        #expect(path["post"]["requestBody"]["content"].names == ["application/octet-stream"])
        let poured = path["post"]["responses"]["200"]
        #expect(poured["content"].names == ["application/octet-stream"])
        #expect(poured["headers"].names == ["x-amzn-RequestId", "Content-Type", "x-amzn-start-time"])
        #expect(poured["headers"]["Content-Type"]["required"] == .bool(true))

        #expect(path["get"]["parameters"].elements.map { $0["name"] } == ["X-Amz-ChannelARN"])
        // What is required is a parameter, so the body is not.
        #expect(path["get"]["requestBody"]["required"] == .bool(false))
        let schemas = document["components"]["schemas"]
        #expect(schemas["SipInput"]["properties"].names == ["Note"])
        #expect(schemas["SipInput"]["required"] == .null)
        #expect(schemas["SipOutput"]["properties"].names == ["Count"])
        #expect(path["get"]["responses"]["200"]["headers"].names == ["x-amzn-RequestId", "x-tag"])
        #expect(!schemas.names.contains("PourInput"))
    }
}

extension JSONValue {
    fileprivate subscript(name: String) -> JSONValue {
        guard case .object(let object) = self else { return .null }
        return object[name] ?? .null
    }

    fileprivate var names: [String] {
        guard case .object(let object) = self else { return [] }
        return object.members.map(\.key)
    }

    fileprivate var elements: [JSONValue] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }
}
