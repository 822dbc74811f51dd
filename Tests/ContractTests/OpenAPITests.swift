import Testing

@testable import Contract

/// What the documents promise of themselves; what they say of the API is compared with botocore's model elsewhere.
@Suite struct OpenAPITests {
    private func document(_ api: API) throws -> JSONValue {
        try JSONParser.parse(Array(OpenAPIDocument.text(of: api).utf8))
    }

    @Test(arguments: API.allCases)
    func theSameEachTime(_ api: API) {
        #expect(OpenAPIDocument.text(of: api) == OpenAPIDocument.text(of: api))
        #expect(OpenAPIDocument.text(of: api).hasSuffix("}\n"))
    }

    @Test(arguments: API.allCases)
    func eachOperationIsInTheDocumentOfItsAPI(_ api: API) throws {
        let paths = try document(api)["paths"].keys
        #expect(paths == OperationID.allCases.filter { $0.api == api }.map(\.contract.route.path))
    }

    /// A summary, a description that says more, an area that the document knows.
    @Test(arguments: API.allCases)
    func operationsAreDescribed(_ api: API) throws {
        let document = try document(api)
        let areas = document["tags"].elements.map { $0["name"] }
        for path in document["paths"].keys {
            let post = document["paths"][path]["post"]
            #expect((post["description"].string?.count ?? 0) > (post["summary"].string?.count ?? .max))
            #expect(post["tags"].elements.count == 1 && areas.contains(post["tags"].elements[0]))
        }
        #expect(Set(areas.compactMap(\.string)).count == areas.count)
        #expect(document["info"]["description"].string?.contains("**Refusals") == true)
    }

    /// No member, error or operation without a description, and none that is left over from a template.
    @Test(arguments: API.allCases)
    func schemasAreDescribed(_ api: API) throws {
        let schemas = try document(api)["components"]["schemas"]
        for name in schemas.keys {
            for member in schemas[name]["properties"].keys {
                let description = schemas[name]["properties"][member]["description"].string ?? ""
                #expect(description.count > 8 && description.hasSuffix("."), "\(name).\(member): \(description)")
            }
        }
    }

    @Test(arguments: API.allCases)
    func everyReferenceLeadsSomewhere(_ api: API) throws {
        let document = try document(api)
        var references: [String] = []
        document.collect("$ref", &references)
        #expect(references.count > 50)
        for reference in Set(references) {
            #expect(document.at(reference) != nil, "\(reference)")
        }
        // And nothing is declared that nobody uses.
        for name in document["components"]["schemas"].keys {
            #expect(references.contains("#/components/schemas/\(name)"), "\(name)")
        }
    }

    /// The value that a link takes from a request or answer is of the very shape that the next operation takes it as.
    @Test(arguments: OperationID.allCases)
    func linksFit(_ id: OperationID) throws {
        #expect(Set(id.contract.links.map(\.name)).count == id.contract.links.count)
        for link in id.contract.links {
            #expect(link.target.api == id.api)
            #expect(!link.body.isEmpty)
            for (member, expression) in link.body {
                let source = expression.hasPrefix("$request.body#/") ? id.contract.input : id.contract.output
                let pointer = try #require(expression.split(separator: "#/").last)
                let from = try #require(source?.at(pointer.split(separator: "/")), "\(id.rawValue): \(expression)")
                let into = try #require(link.target.contract.input.at([Substring(member)]), "\(link.target.rawValue): \(member)")
                #expect(from.isSame(as: into), "\(id.rawValue) to \(link.target.rawValue): \(member)")
            }
        }
    }

    /// From creating to deleting, every operation about one stream or channel can be reached by links.
    @Test func linksLeadFromCreationToAll() {
        var reached: Set<OperationID> = [.createStream, .createSignalingChannel, .listStreams, .listSignalingChannels]
        var waiting = Array(reached)
        while let next = waiting.popLast() {
            for link in next.contract.links where reached.insert(link.target).inserted { waiting.append(link.target) }
        }
        #expect(reached == Set(OperationID.allCases.filter { $0.api == .controlPlane }))
    }

    @Test func errorsAreDeclaredWithTheirStatus() throws {
        let responses = try document(.controlPlane)["paths"]["/createStream"]["post"]["responses"]
        #expect(responses.keys == ["200", "400", "403", "408", "413", "500", "503"])
        for status in responses.keys where status != "200" {
            let names = responses[status]["headers"]["x-amzn-ErrorType"]["schema"]["enum"].elements.compactMap(\.string)
            #expect(!names.isEmpty && Set(names).count == names.count)
            for name in names { #expect(ErrorCode(rawValue: name).map { String($0.status) } == status) }
        }
    }

    @Test func rulesOfTheDescriptionFollowFromTheInput() throws {
        let paths = try document(.controlPlane)["paths"]
        func description(_ path: String) -> String { paths[path]["post"]["description"].string ?? "" }
        #expect(description("/describeStream").contains("StreamName or StreamARN must be given"))
        #expect(!description("/deleteStream").contains("must be given"))
        #expect(description("/tagStream").contains("is an InvalidResourceFormatException"))
        #expect(description("/TagResource").contains("a stream or channel, is an InvalidArgumentException"))
        #expect(description("/updateStream").contains("Needs the status ACTIVE"))
        #expect(description("/listStreams").contains("NextToken is valid for this operation"))
        #expect(description("/startEdgeConfigurationUpdate").contains("af-south-1"))
    }

    @Test func theSecretIsMarked() throws {
        let document = try document(.controlPlane)
        var marks: [String] = []
        document.collect("x-weir-sensitive", &marks)
        #expect(
            document["components"]["schemas"]["MediaSourceConfig"]["properties"]["MediaUriSecretArn"]["x-weir-sensitive"] == .bool(true))
        #expect(marks.count == 1)
    }
}

extension JSONValue {
    /// A member; null where there is none.
    fileprivate subscript(name: String) -> JSONValue {
        guard case .object(let object) = self else { return .null }
        return object[name] ?? .null
    }

    fileprivate var keys: [String] {
        guard case .object(let object) = self else { return [] }
        return object.members.map(\.key)
    }

    fileprivate var elements: [JSONValue] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    fileprivate var string: String? {
        guard case .string(let string) = self else { return nil }
        return string
    }

    /// The part that a reference means.
    fileprivate func at(_ reference: String) -> JSONValue? {
        var part = self
        for step in reference.dropFirst(2).split(separator: "/") { part = part[String(step)] }
        return part == .null ? nil : part
    }

    /// The values of all members of this name, as text.
    fileprivate func collect(_ name: String, _ found: inout [String]) {
        switch self {
        case .null, .bool, .integer, .number, .string: return
        case .array(let elements): for element in elements { element.collect(name, &found) }
        case .object(let object):
            for member in object.members {
                if member.key == name { found.append(member.value.string ?? "\(member.value)") }
                member.value.collect(name, &found)
            }
        }
    }
}

extension Schema {
    /// The schema of a part: members by name, elements by number.
    fileprivate func at(_ path: [Substring]) -> Schema? {
        guard let first = path.first else { return self }
        switch kind {
        case .string, .boolean, .integer, .long, .timestamp, .map: return nil
        case .list(let element): return Int(first) == nil ? nil : element.at(Array(path.dropFirst()))
        case .structure(_, let members): return members.first { $0.name == first }?.schema.at(Array(path.dropFirst()))
        }
    }

    /// Whether both take the same values.
    fileprivate func isSame(as other: Schema) -> Bool {
        guard constraints.map(\.text) == other.constraints.map(\.text) else { return false }
        switch (kind, other.kind) {
        case (.string, .string), (.integer, .integer), (.long, .long), (.boolean, .boolean), (.timestamp, .timestamp): return true
        case (.list(let left), .list(let right)): return left.isSame(as: right)
        case (.structure(let left, _), .structure(let right, _)): return left == right
        case (.string, _), (.integer, _), (.long, _), (.boolean, _), (.timestamp, _), (.list, _), (.map, _), (.structure, _): return false
        }
    }
}
