import Contract
import Testing

@testable import Audit

@Suite struct AuditRedactionTests {
    private func told(_ schema: Schema, _ json: String) throws -> String {
        var writer = JSONWriter()
        writer.value(schema.audited(try JSONParser.parse(Array(json.utf8))))
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `members have a lower-case first letter, and what is not declared is left out`() throws {
        #expect(
            try told(CreateStream.contract.input, #"{"StreamName":"gate","Tags":{"a":"b"},"Password":"x"}"#)
                == #"{"streamName":"gate","tags":{"a":"b"}}"#)
    }

    @Test func `what peers say to each other is left out`() throws {
        #expect(
            try told(SendAlexaOfferToMaster.contract.input, #"{"ChannelARN":"door","MessagePayload":"aWNlLXB3ZA=="}"#)
                == #"{"channelARN":"door","messagePayload":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#)
    }

    @Test func `of URLs scheme and host are left`() throws {
        let text = try told(
            UpdateNotificationConfiguration.contract.input,
            #"{"StreamName":"gate","NotificationConfiguration":{"Status":"ENABLED","DestinationConfig":{"Uri":"https://me:secret@hooks.example.com/T0/tok?k=v"}}}"#
        )
        #expect(text.contains(#""uri":"https://hooks.example.com/...""#))
        #expect(!text.contains("secret") && !text.contains("tok"))
    }

    @Test func `no sensitive member of any operation is told`() throws {
        /// Every string of a shape is filled; the sensitive ones with what must not be there.
        func sample(_ schema: Schema) -> JSONValue {
            switch schema.kind {
            case .string: .string(schema.isSensitive ? "SECRET" : "text")
            case .boolean: schema.isSensitive ? .string("SECRET") : .bool(true)
            case .integer, .long, .timestamp: schema.isSensitive ? .string("SECRET") : .integer(1)
            case .list(let element): .array([sample(element)])
            case .map(let key, let value): .object(JSONObject([(key.isSensitive ? "SECRET" : "key", sample(value))]))
            case .structure(_, let members): .object(JSONObject(members.map { ($0.name, sample($0.schema)) }))
            }
        }
        var isAnySensitive = false
        for id in OperationID.allCases {
            for schema in [id.contract.input, id.contract.output].compactMap(\.self) {
                var given = JSONWriter()
                given.value(sample(schema))
                isAnySensitive = isAnySensitive || String(decoding: given.bytes, as: UTF8.self).contains("SECRET")
                var told = JSONWriter()
                told.value(schema.audited(sample(schema)))
                #expect(!String(decoding: told.bytes, as: UTF8.self).contains("SECRET"), "\(id)")
            }
        }
        #expect(isAnySensitive)
    }

    @Test func `long texts are cut and long inputs left out`() throws {
        let long = String(repeating: "x", count: 5000)
        #expect(try told(CreateStream.contract.input, #"{"StreamName":"\#(long)"}"#).contains("(5000 bytes)"))
        let tags = (0..<200).map { #""k\#($0)":"\#(String(repeating: "v", count: 256))""# }.joined(separator: ",")
        #expect(try told(CreateStream.contract.input, "{\"Tags\":{\(tags)}}").hasPrefix(#"{"omittedBytes":"#))
    }
}
