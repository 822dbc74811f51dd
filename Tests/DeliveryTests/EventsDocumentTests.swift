import Contract
import Foundation
import SQL
import Store
import TestSupport
import Testing

@testable import Delivery

/// As much of JSON Schema as the schema of events uses; a keyword that it does not know is a fault.
private struct Schema {
    let root: JSONObject

    struct Unknown: Error {
        let keyword: String
    }

    /// What is wrong with a value.
    func faults(_ value: JSONValue, _ schema: JSONValue, at path: String = "") throws -> [String] {
        guard case .object(let schema) = schema else { throw Unknown(keyword: "not a schema") }
        var faults: [String] = []
        for (keyword, rule) in schema.members {
            switch (keyword, rule) {
            case ("description", _), ("title", _), ("$schema", _), ("$id", _), ("$defs", _), ("format", _): continue
            case ("type", .string(let type)): if !Self.has(value, type) { faults.append("\(path): not \(type)") }
            case ("const", let constant): if value != constant { faults.append("\(path): not the constant") }
            case ("pattern", .string(let pattern)):
                let regex = try Regex(pattern)
                if case .string(let text) = value, text.firstMatch(of: regex) == nil { faults.append("\(path): \(text) is not \(pattern)") }
            case ("minLength", .integer(let length)):
                if case .string(let text) = value, text.count < length { faults.append("\(path): short") }
            case ("minimum", .integer(let least)): if case .integer(let number) = value, number < least { faults.append("\(path): small") }
            case ("oneOf", .array(let schemas)):
                let fitting = try schemas.filter { try self.faults(value, $0).isEmpty }
                if fitting.count != 1 { faults.append("\(path): fits \(fitting.count) of one of") }
            case ("$ref", .string(let reference)):
                var target: JSONValue = .object(root)
                for part in reference.split(separator: "/").dropFirst() {
                    guard case .object(let object) = target, let next = object[String(part)] else { throw Unknown(keyword: reference) }
                    target = next
                }
                faults += try self.faults(value, target, at: path)
            case ("required", .array(let names)):
                guard case .object(let object) = value else { continue }
                for case .string(let name) in names where object[name] == nil { faults.append("\(path): lacks \(name)") }
            case ("properties", .object(let properties)):
                guard case .object(let object) = value else { continue }
                for member in object.members {
                    if let schema = properties[member.key] { faults += try self.faults(member.value, schema, at: "\(path)/\(member.key)") }
                }
            case ("additionalProperties", .bool(false)):
                guard case .object(let object) = value, case .object(let properties)? = schema["properties"] else { continue }
                for member in object.members where properties[member.key] == nil { faults.append("\(path): has \(member.key)") }
            default: throw Unknown(keyword: keyword)
            }
        }
        return faults
    }

    private static func has(_ value: JSONValue, _ type: String) -> Bool {
        switch value {
        case .object: type == "object"
        case .string: type == "string"
        case .bool: type == "boolean"
        case .integer: type == "integer"
        case .null, .number, .array: false
        }
    }
}

@Suite struct EventsDocumentTests {
    private static func schema() throws -> Schema {
        guard case .object(let root) = try JSONParser.parse(Array(EventsDocument.jsonSchema.utf8)) else {
            throw Schema.Unknown(keyword: "")
        }
        return Schema(root: root)
    }

    private static func faults(_ event: TellingEvent, isReplay: Bool = false) throws -> [String] {
        let schema = try schema()
        return try schema.faults(JSONParser.parse(CloudEvent.json(event, isReplay: isReplay)), .object(schema.root))
    }

    @Test func `an event of each type is as the schema says`() throws {
        #expect(EventType.all.count >= 20)
        for type in EventType.all {
            let event = TellingEvent(
                resourceARN: "arn:aws:kinesisvideo:us-east-1:111122223333:stream/gate/1", sequence: 3, type: type.name,
                account: "111122223333",
                region: "us-east-1", status: "ACTIVE", version: "v", keyID: "AKIA", requestID: "r", occurredAt: 1_705_489_836_421)
            #expect(try Self.faults(event).isEmpty)
            #expect(try Self.faults(event, isReplay: true).isEmpty)
        }
        let bare = TellingEvent(
            resourceARN: "arn:aws:kinesisvideo:::destination/sub-1", sequence: 0, type: "DestinationPaused", account: "", region: "",
            status: "PAUSED", version: "", keyID: "", requestID: "", occurredAt: 0)
        #expect(try Self.faults(bare).isEmpty)
    }

    @Test func `the schema refuses what is no event`() throws {
        let unknown = TellingEvent(
            resourceARN: "arn:a", sequence: 1, type: "Unheard", account: "1", region: "us-east-1", status: "S", version: "", keyID: "",
            requestID: "", occurredAt: 0)
        #expect(try Self.faults(unknown).count == 3)
        let schema = try Self.schema()
        #expect(try schema.faults(.object(["id": "x"]), .object(schema.root)).count > 5)
    }

    @Test(arguments: Engine.allCases) func `what the store tells is as the schema says`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            _ = try await store.createActive("gate")
            try await store.retag("gate")
            _ = try await store.createActiveChannel("door")
            _ = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            try await store.finishTasks()
            _ = try await store.tell(
                "LimitReached", subjectARN: "arn:aws:kinesisvideo:us-east-1:111122223333:limit/streams", account: "111122223333",
                region: "us-east-1", status: "REACHED", keyID: "AKIA", requestID: "r", at: 60_000, token: "t")
            let events = try await store.events(after: nil, since: 0, limit: 100)
            #expect(events.count == 8)
            for event in events { #expect(try Self.faults(event).isEmpty) }
        }
    }

    @Test(arguments: [("events.json", EventsDocument.openAPI), ("event.schema.json", EventsDocument.jsonSchema)])
    func `the documents in openapi are current`(_ file: String, _ text: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let kept = try Data(contentsOf: root.appending(path: "openapi/\(file)"))
        #expect(String(decoding: kept, as: UTF8.self) == text, "stale: see openapi/README.md")
    }
}
