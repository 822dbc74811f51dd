/// The OpenAPI 3.1 document, made from the same declarations that decode, check and encode: it cannot disagree with them.
public enum OpenAPIDocument {
    /// The document of an API as JSON, indented, with a line feed at its end; the same bytes each time.
    public static func text(of api: API) -> String {
        var writer = JSONWriter(layout: .pretty)
        writer.value(document(of: api, OperationID.allCases.map(\.contract).filter { $0.api == api }))
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    static func document(of api: API, _ operations: [OperationContract]) -> JSONValue {
        var schemas = ComponentSchemas()
        var paths: [(key: String, methods: [(key: String, value: JSONValue)])] = []
        for contract in operations {
            let method = (key: contract.route.method.rawValue.lowercased(), value: operation(contract, &schemas))
            if let index = paths.firstIndex(where: { $0.key == contract.route.path }) {
                paths[index].methods.append(method)
            } else {
                paths.append((contract.route.path, [method]))
            }
        }
        for code in ErrorCode.allCases where operations.contains(where: { codes(of: $0).contains(code) }) {
            schemas.add(code.rawValue, errorSchema(code, of: api))
        }
        let areas = Area.allCases.filter { area in operations.contains { $0.area == area } }
        return .object([
            "openapi": "3.1.0",
            "info": .object([
                "title": .string(title(of: api)),
                "version": .string(version(of: api)),
                "description": .string(guide(to: api)),
                "license": .object(["name": "Apache-2.0", "identifier": "Apache-2.0"]),
            ]),
            "servers": .array([.object(["url": "http://127.0.0.1:7080", "description": "Weir as it starts by default"])]),
            "security": .array([.object(["sigv4": .array([])])]),
            "tags": .array(areas.map { .object(["name": .string($0.rawValue), "description": .string($0.documentation)]) }),
            "paths": .object(JSONObject(paths.map { ($0.key, .object(JSONObject($0.methods))) })),
            "components": .object([
                "schemas": schemas.json,
                "headers": .object([requestID: requestIDHeader]),
                "securitySchemes": .object([
                    "sigv4": .object([
                        "type": "apiKey", "in": "header", "name": "Authorization",
                        "x-amazon-apigateway-authtype": "awsSigv4",
                        "description": .string(signature),
                    ])
                ]),
            ]),
        ])
    }

    private static func title(of api: API) -> String {
        switch api {
        case .controlPlane: "Amazon Kinesis Video Streams control plane, as Weir serves it"
        case .edgeAgent: "Weir's API for edge agents"
        case .media: "Amazon Kinesis Video Streams Media, as Weir serves it"
        case .archivedMedia: "Amazon Kinesis Video Streams Archived Media, as Weir serves it"
        case .signaling: "Amazon Kinesis Video Signaling Channels, as Weir serves it"
        }
    }

    private static func version(of api: API) -> String {
        switch api {
        // The version of the service's own API.
        case .controlPlane, .media, .archivedMedia: "2017-09-30"
        case .edgeAgent: "1.0"
        case .signaling: "2019-12-04"
        }
    }

    private static let signature = """
        AWS Signature Version 4 for the service `kinesisvideo`, in the Authorization header or in the query string (presigned). The body is \
        part of what is signed. The region of the credential scope is the region that the call is about. The time of the signature may \
        differ from the server's by five minutes. A server that is started with `--auth none`, on loopback, asks for none.
        """

    private static func operation(_ contract: OperationContract, _ schemas: inout ComponentSchemas) -> JSONValue {
        var responses: [(key: String, value: JSONValue)] = [("200", success(contract, &schemas))]
        let codes = codes(of: contract)
        for status in Set(codes.map(\.status)).sorted() {
            responses.append((String(status), failure(codes.filter { $0.status == status })))
        }
        var members: [(key: String, value: JSONValue)] = [
            ("operationId", .string(contract.name)),
            ("summary", .string(contract.summary)),
            ("description", .string(description(of: contract))),
            ("tags", .array([.string(contract.area.rawValue)])),
        ]
        if !contract.boundInput.isEmpty { members.append(("parameters", .array(contract.boundInput.map { parameter($0, &schemas) }))) }
        switch contract.payload {
        case .none: break
        case .json: members.append(("requestBody", requestBody(contract.input, example: contract.exampleRequest, &schemas)))
        case .stream: members.append(("requestBody", .object(["required": .bool(true), "content": stream])))
        }
        members.append(("responses", .object(JSONObject(responses))))
        return .object(JSONObject(members))
    }

    private static func parameter(_ member: Schema.Member, _ schemas: inout ComponentSchemas) -> JSONValue {
        let (place, name): (String, String)
        switch member.place {
        case .body: preconditionFailure("\(member.name) is a member of the body, and no parameter")
        case .header(let header): (place, name) = ("header", header)
        case .query(let parameter): (place, name) = ("query", parameter)
        }
        return .object([
            "name": .string(name), "in": .string(place), "required": .bool(member.isRequired),
            "description": .string(member.documentation + member.schema.unit), "schema": schemas.reference(member.schema),
        ])
    }

    private static func requestBody(_ input: Schema, example: String, _ schemas: inout ComponentSchemas) -> JSONValue {
        .object([
            "required": .bool(input.hasRequiredMember),
            "content": .object(["application/json": .object(["schema": schemas.reference(input), "example": parsed(example)])]),
        ])
    }

    /// Bytes without a bound. OpenAPI 3.1 describes them by their media type alone.
    private static let stream: JSONValue = .object(["application/octet-stream": .object([:])])

    /// The errors that the operation may answer. A path is only known by its POST, so the error of other methods is none of them.
    private static func codes(of contract: OperationContract) -> [ErrorCode] {
        let all = contract.errors + ErrorCode.common.filter { !contract.errors.contains($0) }
        return all.filter { $0 != .methodNotAllowed }
    }

    private static func description(of contract: OperationContract) -> String {
        let rules = contract.commonRules.map { "- \($0)" }
        return ([contract.documentation] + (rules.isEmpty ? [] : [rules.joined(separator: "\n")])).joined(separator: "\n\n")
    }

    private static func success(_ contract: OperationContract, _ schemas: inout ComponentSchemas) -> JSONValue {
        var headers: [(key: String, value: JSONValue)] = [(requestID, requestIDReference)]
        for member in contract.output?.members ?? [] {
            guard case .header(let name) = member.place else { continue }
            let header: JSONValue = .object([
                "description": .string(member.documentation + member.schema.unit), "required": .bool(member.isRequired),
                "schema": schemas.reference(member.schema),
            ])
            headers.append((name, header))
        }
        var members: [(key: String, value: JSONValue)] = [
            ("description", contract.output == nil && contract.answer != .stream ? "Done. The body is empty." : "The answer."),
            ("headers", .object(JSONObject(headers))),
        ]
        switch (contract.answer, contract.output) {
        case (.stream, _): members.append(("content", stream))
        case (.json, let output?):
            let content: JSONValue = .object([
                "schema": schemas.reference(output), "example": parsed(contract.exampleResponse),
            ])
            members.append(("content", .object(["application/json": content])))
        case (.json, nil), (.none, _): break
        }
        let links = contract.links
        if !links.isEmpty {
            members.append(("links", .object(JSONObject(links.map { (key: $0.name, value: json($0)) }))))
        }
        return .object(JSONObject(members))
    }

    private static func json(_ link: Link) -> JSONValue {
        .object([
            "operationId": .string(link.target.rawValue),
            "requestBody": .object(JSONObject(link.body.map { (key: $0.member, value: .string($0.expression)) })),
        ])
    }

    private static let requestID = "x-amzn-RequestId"
    private static let requestIDReference: JSONValue = .object(["$ref": .string("#/components/headers/\(requestID)")])
    private static let requestIDHeader: JSONValue = .object([
        "description": "Names the call in the server's log.", "required": .bool(true), "schema": .object(["type": "string"]),
    ])

    private static func failure(_ codes: [ErrorCode]) -> JSONValue {
        let names = codes.map(\.rawValue)
        let bodies = codes.map { JSONValue.object(["$ref": .string("#/components/schemas/\($0.rawValue)")]) }
        return .object([
            "description": .string(names.joined(separator: ", ")),
            "headers": .object([
                requestID: requestIDReference,
                "x-amzn-ErrorType": .object([
                    "description": "Which error it is.", "required": .bool(true),
                    "schema": .object(["type": "string", "enum": .array(names.map { .string($0) })]),
                ]),
            ]),
            "content": .object([
                "application/json": .object(["schema": bodies.count == 1 ? bodies[0] : .object(["anyOf": .array(bodies)])])
            ]),
        ])
    }

    private static func errorSchema(_ code: ErrorCode, of api: API) -> JSONValue {
        let message = code.messageMember(in: api)
        var members: [(key: String, value: JSONValue)] = [
            ("type", "object"),
            ("description", .string("HTTP status \(code.status). \(code.documentation)")),
            ("required", .array([.string(message)])),
            ("properties", .object([message: .object(["type": "string", "description": "What is wrong, and what to do."])])),
        ]
        if let example = code.exampleMessage {
            members.append(("examples", .array([.object([message: .string(example)])])))
        }
        return .object(JSONObject(members))
    }

    private static func parsed(_ example: String) -> JSONValue {
        do {
            return try JSONParser.parse(Array(example.utf8))
        } catch {
            preconditionFailure("an example of the contract is not JSON: \(error.message)")
        }
    }
}

extension Schema {
    /// Whether a body without members would be refused.
    fileprivate var hasRequiredMember: Bool { members.contains { $0.isRequired && $0.place == .body } }
}

// The document is written as literals, which are values of JSON.
extension JSONValue: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements.map { (key: $0.0, value: $0.1) })
    }
}
