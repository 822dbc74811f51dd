import Seeded
import Testing

@testable import Contract

@Suite struct DecodingTests {
    // MARK: Secrets

    private static let secret = "arn:aws:secretsmanager:eu-west-1:1:secret:camera/\u{1F511}hunter2"

    private func edgeUpdate(secretARN: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(
            .object([
                "StreamName": "gate-7",
                "EdgeConfig": .object([
                    "HubDeviceArn": "arn:aws:iot:eu-west-1:1:thing/hub",
                    "RecorderConfig": .object([
                        "MediaSourceConfig": .object(["MediaUriSecretArn": .string(secretARN), "MediaUriType": "RTSP_URI"])
                    ]),
                ]),
            ]))
        return writer.bytes
    }

    @Test func aSecretIsNotRepeatedWhereItBreaksARule() {
        let long = Self.secret + String(repeating: "x", count: 2048)
        for (text, rules) in [(Self.secret, 1), (long, 2), ("short", 2)] {
            let error = refusal(of: StartEdgeConfigurationUpdate.self, edgeUpdate(secretARN: text))
            #expect(error?.code == .validation)
            let message = error?.publicMessage ?? ""
            let told = "Value '***' at 'edgeConfig.recorderConfig.mediaSourceConfig.mediaUriSecretArn' failed"
            #expect(message.components(separatedBy: told) == rules + 1, "\(message)")
            #expect(!message.contains("hunter2") && !message.contains("short'"))
            #expect(error?.privateContext == nil)
        }
    }

    @Test func aSecretIsNotRepeatedWhereTheRequestCannotBeRead() {
        let body = edgeUpdate(secretARN: Self.secret)
        let text = String(decoding: body, as: UTF8.self)
        let wrongType = text.replacing("\"\(Self.secret)\"", with: "[\"\(Self.secret)\"]")
        let elsewhere = text.replacing("\"RTSP_URI\"", with: "7")
        let twice = text.replacing("\"MediaUriType\":", with: "\"MediaUriSecretArn\":\"\(Self.secret)\",\"MediaUriType\":")
        for broken in [wrongType, elsewhere, twice, text + "x", String(text.dropLast())] {
            #expect(broken != text)
            let error = refusal(of: StartEdgeConfigurationUpdate.self, Array(broken.utf8))
            #expect(error?.code == .serialization)
            #expect(error?.publicMessage.contains("hunter2") == false)
        }
        for length in 0..<body.count where length > 0 {
            #expect(refusal(of: StartEdgeConfigurationUpdate.self, Array(body[..<length]))?.publicMessage.contains("hunter") == false)
        }
    }

    @Test func otherValuesAreRepeated() {
        let error = refusal(of: DescribeStream.self, Array(#"{"StreamName":"a b"}"#.utf8))
        #expect(error?.publicMessage.contains("Value 'a b' at 'streamName'") == true)
    }

    @Test func onlyTheSecretIsSensitive() {
        var sensitive: Set<String> = []
        for id in OperationID.allCases {
            for schema in [id.contract.input, id.contract.output].compactMap({ $0 }) { collect(schema, "", &sensitive) }
        }
        #expect(sensitive == ["MediaUriSecretArn"])
    }

    private func collect(_ schema: Schema, _ name: String, _ sensitive: inout Set<String>) {
        if schema.isSensitive { sensitive.insert(name) }
        switch schema.kind {
        case .string, .boolean, .integer, .long, .timestamp: break
        case .list(let element): collect(element, name, &sensitive)
        case .map(let key, let value):
            collect(key, name, &sensitive)
            collect(value, name, &sensitive)
        case .structure(_, let members): for member in members { collect(member.schema, member.name, &sensitive) }
        }
    }

    // MARK: Types

    @Test(arguments: [("true", true), ("false", false)])
    func booleans(_ text: String, _ expected: Bool) throws {
        #expect(DeletionConfig(text)?.deleteAfterUpload == expected)
    }

    @Test(arguments: ["0", "1", "\"true\"", "[]", "{}", "1.0"])
    func whatIsNoBoolean(_ text: String) {
        #expect(DeletionConfig(text) == nil)
        let body =
            #"{"EdgeConfig":{"HubDeviceArn":"arn:aws:iot:e:1:thing/h","RecorderConfig":{},"DeletionConfig":{"DeleteAfterUpload":\#(text)}}}"#
        let error = refusal(of: StartEdgeConfigurationUpdate.self, Array(body.utf8))
        #expect(error?.code == .serialization)
        #expect(
            error?.publicMessage.hasPrefix("The value at 'edgeConfig.deletionConfig.deleteAfterUpload' must be true or false, not ") == true
        )
    }

    /// As JSON Schema has it: what counts is the number, not how it is written.
    @Test(arguments: [("24", 24), ("24.0", 24), ("2.4e1", 24), ("-0", 0), ("-0.0", 0), ("2147483647.0", 2_147_483_647), ("0E5", 0)])
    func wholeNumbers(_ text: String, _ expected: Int) throws {
        #expect(try decoded(CreateStream.self, #"{"StreamName":"a","DataRetentionInHours":\#(text)}"#).dataRetentionInHours == expected)
    }

    @Test(arguments: ["24.5", "1e-1", "2147483648", "2147483648.0", "-2147483649", "1e300", "9223372036854775808", "true", "\"24\""])
    func whatIsNoWholeNumber(_ text: String) {
        let body = #"{"StreamName":"a","DataRetentionInHours":\#(text)}"#
        #expect(refusal(of: CreateStream.self, Array(body.utf8))?.code == .serialization)
    }

    @Test func aKeyThatTheEnumerationDoesNotHave() {
        let configuration = #"{"FormatConfig":{"Quality":"1"}}"#
        let error = refusal(
            of: UpdateImageGenerationConfiguration.self, Array(#"{"ImageGenerationConfiguration":\#(configuration)}"#.utf8))
        #expect(
            error?.publicMessage.contains(
                "Value 'Quality' at 'imageGenerationConfiguration.formatConfig.key' failed to satisfy constraint: "
                    + "Member must satisfy enum value set: [JPEGQuality]") == true)
        #expect(error?.publicMessage.contains("formatConfig.Quality") == false)
    }

    @Test func theConfigurationMayBeNull() throws {
        #expect(
            try decoded(UpdateImageGenerationConfiguration.self, #"{"ImageGenerationConfiguration":null}"#).imageGenerationConfiguration
                == nil)
        #expect(try decoded(UpdateNotificationConfiguration.self, "{}").notificationConfiguration == nil)
    }

    // MARK: Times

    /// Text of a report's time, and the milliseconds that it means.
    @Test(arguments: [
        ("0", 0), ("1", 1000), ("-1", -1000), ("1705489836.421", 1_705_489_836_421), ("1705489836.4214", 1_705_489_836_421),
        ("1705489836.4216", 1_705_489_836_422), ("1.705489836421E9", 1_705_489_836_421), ("999999999999", 999_999_999_999_000),
        ("-999999999999.999", -999_999_999_999_999), ("0.0005", 1),
    ])
    func times(_ text: String, _ milliseconds: Int64) throws {
        let input = try decoded(ReportEdgeAgentStatus.self, report(lastCollectedTime: text))
        #expect(input.recorderStatus?.lastCollectedTime == Timestamp(millisecondsSinceEpoch: milliseconds))
    }

    @Test(arguments: [
        "1000000000000", "-1000000000000", "9223372036854775807", "-9223372036854775808", "1e12", "1e300", "\"0\"", "true", "[]",
    ])
    func whatIsNoTime(_ text: String) {
        #expect(refusal(of: ReportEdgeAgentStatus.self, Array(report(lastCollectedTime: text).utf8))?.code == .serialization)
    }

    private func report(lastCollectedTime: String) -> String {
        """
        {"HubDeviceArn":"arn:aws:iot:e:1:thing/h","StreamARN":"arn:aws:kinesisvideo:e:1:stream/a/1",\
        "RecorderStatus":{"Status":"SUCCESS","LastCollectedTime":\(lastCollectedTime)}}
        """
    }

    // MARK: JSON text

    @Test func whatIsKeptAsTextComesBack() throws {
        let schedule = ScheduleConfig(durationInSeconds: 60, scheduleExpression: "0 0 6-20 ? * MON-FRI")
        for edge in [
            EdgeConfig(
                deletionConfig: DeletionConfig(
                    deleteAfterUpload: false, edgeRetentionInHours: 1,
                    localSizeConfig: LocalSizeConfig(maxLocalMediaSizeInMB: 2_000_000, strategyOnFullSize: .denyNewMedia)),
                hubDeviceArn: "arn:aws:iot:eu-west-1:1:thing/hub",
                recorderConfig: RecorderConfig(
                    mediaSourceConfig: MediaSourceConfig(
                        mediaUriSecretArn: "arn:aws:secretsmanager:eu-west-1:1:secret:camera", mediaUriType: .file),
                    scheduleConfig: schedule),
                uploaderConfig: UploaderConfig(scheduleConfig: schedule)),
            EdgeConfig(
                deletionConfig: nil, hubDeviceArn: "arn:aws:iot:eu-west-1:1:thing/hub",
                recorderConfig: RecorderConfig(
                    mediaSourceConfig: MediaSourceConfig(
                        mediaUriSecretArn: "arn:aws:secretsmanager:eu-west-1:1:secret:camera", mediaUriType: .rtsp),
                    scheduleConfig: nil),
                uploaderConfig: nil),
        ] {
            #expect(EdgeConfig.value(from: EdgeConfig.text(of: edge)) == edge)
        }
        let notification = NotificationConfiguration(
            destinationConfig: NotificationDestinationConfig(uri: "arn:aws:sns:x:1:\"ключ\"\n\u{1F511}"), status: .disabled)
        #expect(NotificationConfiguration.value(from: NotificationConfiguration.text(of: notification)) == notification)
        let images = ImageGenerationConfiguration(
            destinationConfig: ImageGenerationDestinationConfig(destinationRegion: "eu-west-1", uri: "s3://bucket"), format: .png,
            formatConfig: [MapEntry(key: "JPEGQuality", value: "75")], heightPixels: 1, imageSelectorType: .producerTimestamp,
            samplingInterval: Int(Int32.max), status: .enabled, widthPixels: nil)
        let text = ImageGenerationConfiguration.text(of: images)
        #expect(try text == ImageGenerationConfiguration.text(of: #require(ImageGenerationConfiguration.value(from: text))))
        #expect(text.contains(#""FormatConfig":{"JPEGQuality":"75"}"#) && !text.contains("WidthPixels"))
    }

    /// Any moment comes back to the millisecond: the edges, and many in between.
    @Test func timesKeptAsTextComeBack() {
        var random = SeededGenerator(seed: 7)
        var moments: [Int64] = [0, 1, -1, 999, 1_705_489_836_421, 999_999_999_999_999, -999_999_999_999_999]
        for _ in 0..<10_000 { moments.append(Int64.random(in: -999_999_999_999_999...999_999_999_999_999, using: &random)) }
        for moment in moments {
            let time = Timestamp(millisecondsSinceEpoch: moment)
            let recorder = LastRecorderStatus(
                jobStatusDetails: nil, lastCollectedTime: time, lastUpdatedTime: nil, recorderStatus: .systemError)
            #expect(LastRecorderStatus.value(from: LastRecorderStatus.text(of: recorder)) == recorder)
            let uploader = LastUploaderStatus(
                jobStatusDetails: "", lastCollectedTime: nil, lastUpdatedTime: time, uploaderStatus: .userError)
            #expect(LastUploaderStatus.value(from: LastUploaderStatus.text(of: uploader)) == uploader)
        }
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"Status":"ENABLED"}"#, #"{"Status":"ON","DestinationConfig":{"Uri":"a:b"}}"#])
    func otherTextIsNoConfiguration(_ text: String) {
        #expect(NotificationConfiguration.value(from: text) == nil)
    }

    // MARK: Contracts

    @Test func pathsAndNamesAreDistinctAndFound() {
        for id in OperationID.allCases {
            guard case .found(id) = OperationID.routes.match(method: "POST", path: id.contract.route.path[...]) else {
                Issue.record("\(id) is not found")
                continue
            }
        }
        #expect(OperationID.allCases.filter { $0.api == .edgeAgent }.allSatisfy { $0.contract.route.path.hasPrefix("/edgeAgent/") })
        #expect(OperationID.allCases.count { $0.api == .controlPlane } == 32)
        #expect(OperationID.allCases.map(\.contract.name) == OperationID.allCases.map(\.rawValue))
    }

    /// Every example is what its shape reads, and a response is what its shape writes, but for the order of members.
    @Test(arguments: OperationID.allCases)
    func examples(_ id: OperationID) throws {
        try id.operation.checkExamples()
    }

    // MARK: Bodies made to cost much

    /// A list that is too long is looked at as far as anything could be told of it. Some elements, and how many of them that is.
    @Test(arguments: [("{}", 99), ("null", 198), (#"{"Key":"","Value":"*"}"#, 99), (#"{"Key":"a","Value":"a"}"#, nil)] as [(String, Int?)])
    func aListThatIsTooLongIsNotReadToItsEnd(_ element: String, _ last: Int?) {
        let body = #"{"ResourceARN":"*","Tags":[\#(repeatElement(element, count: 10_000).joined(separator: ","))]}"#
        let message = refusal(of: TagResource.self, Array(body.utf8))?.publicMessage ?? ""
        #expect(message.contains("Value '10000 elements' at 'tags'"), "\(message.prefix(80))")
        guard let last else { return #expect(message.hasPrefix("2 validation errors detected: ")) }
        #expect(message.contains("'tags.\(last).member") && !message.contains("'tags.\(last + 1).member"))
        #expect(message.hasPrefix("At least 200 validation errors detected, and no more looked for: "), "\(message.prefix(80))")
    }

    @Test(arguments: ["*", ""]) func aMapThatIsTooLongIsNotReadToItsEnd(_ value: String) {
        let body = #"{"StreamName":"a","Tags":{\#((0..<10_000).map { "\"*\($0)\":\"\(value)\"" }.joined(separator: ","))}}"#
        let message = refusal(of: TagStream.self, Array(body.utf8))?.publicMessage ?? ""
        #expect(message.hasPrefix(value.isEmpty ? "At least 200 " : "At least 201 "), "\(message.prefix(80))")
        #expect(message.contains("Value '10000 elements' at 'tags'"))
    }

    /// What a list that is too long holds beyond what is told of it is not decoded at all: there a wrong type is not even noticed.
    @Test func whatIsBeyondIsNotDecoded() {
        func code(_ valid: Int) -> ErrorCode? {
            let tags = repeatElement(#"{"Key":"a","Value":"a"}"#, count: valid).joined(separator: ",")
            return refusal(of: TagResource.self, Array(#"{"Tags":[\#(tags),7]}"#.utf8))?.code
        }
        #expect(code(199) == .serialization)
        #expect(code(200) == .validation)
    }

    @Test func noMoreThanTwoHundredBrokenRulesAreLookedFor() {
        func message(_ count: Int) -> String {
            let held = repeatElement("{}", count: count).joined(separator: ",")
            return refusal(of: FetchEdgeConfigurations.self, Array(#"{"HeldConfigurations":[\#(held)]}"#.utf8))?.publicMessage ?? ""
        }
        // Each lacks two members; the device is missing too.
        #expect(message(99).hasPrefix("199 validation errors detected: "))
        #expect(message(100).hasPrefix("201 validation errors detected: "))
        #expect(message(101).hasPrefix("At least 201 validation errors detected, and no more looked for: "))
        #expect(message(5000) == message(101))
        // The list's own rule comes first.
        #expect(message(5001).hasPrefix("At least 202 validation errors detected, and no more looked for: "))
    }

    /// Whatever is broken, few rules are told, each in few words.
    @Test func aRefusalIsShort() {
        let long = String(repeating: "\u{301}", count: 5000)
        let tags = repeatElement(#"{"Key":"\#(long)","Value":"\#(long)"}"#, count: 50).joined(separator: ",")
        let message = refusal(of: TagResource.self, Array(#"{"Tags":[\#(tags)]}"#.utf8))?.publicMessage ?? ""
        #expect(message.hasPrefix("201 validation errors detected: "), "\(message.prefix(80))")
        #expect(message.utf8.count < 201 * 1024)
    }

    /// What takes memory for each of its few bytes is bounded in number.
    @Test func arraysAndObjectsAreCounted() {
        func code(_ unit: String, _ count: Int) -> ErrorCode? {
            let body = #"{"StreamName":"a","Unknown":[\#(repeatElement(unit, count: count).joined(separator: ","))]}"#
            return refusal(of: CreateStream.self, Array(body.utf8))?.code
        }
        // The document and the list are two of them.
        #expect(code("[0]", 16_382) == nil)
        #expect(code("[0]", 16_383) == .serialization)
        #expect(code(#"{"":0}"#, 16_382) == nil)
        #expect(code(#"{"":0}"#, 16_383) == .serialization)
        #expect(code("[[[[[0]]]]]", 4000) == .serialization)
        #expect(code("[]", 100_000) == nil)
    }

    private func refusal<O: Contract.Operation>(of operation: O.Type, _ body: [UInt8]) -> OperationError? {
        do {
            _ = try body.withUnsafeBytes { try O.decode($0) }
            return nil
        } catch {
            return error as? OperationError
        }
    }

    private func decoded<O: Contract.Operation>(_ operation: O.Type, _ body: String) throws -> O.Input {
        try Array(body.utf8).withUnsafeBytes { try O.decode($0) }
    }
}

extension DeletionConfig {
    fileprivate init?(_ deleteAfterUpload: String) {
        let config = """
            {"HubDeviceArn":"arn:aws:iot:e:1:thing/h","DeletionConfig":{"DeleteAfterUpload":\(deleteAfterUpload)},"RecorderConfig":\
            {"MediaSourceConfig":{"MediaUriSecretArn":"arn:aws:secretsmanager:e:1:secret:s","MediaUriType":"FILE_URI"}}}
            """
        guard let deletion = EdgeConfig.value(from: config)?.deletionConfig else { return nil }
        self = deletion
    }
}

extension Contract.Operation {
    fileprivate static func checkExamples() throws {
        if contract.payload == .json {
            _ = try Array(contract.exampleRequest.utf8).withUnsafeBytes { try decode($0) }
        } else {
            #expect(contract.exampleRequest.isEmpty)
        }
        guard let output else {
            #expect(contract.exampleResponse.isEmpty)
            return
        }
        let example = try JSONParser.parse(Array(contract.exampleResponse.utf8))
        var decoding = Decoding()
        let value = try #require(try output.decode(example, &decoding))
        #expect(decoding.violations.isEmpty)
        #expect(try JSONParser.parse(encode(value)).sorted == example.sorted)
    }
}

extension JSONValue {
    /// The same value with the members of objects by name.
    fileprivate var sorted: JSONValue {
        switch self {
        case .null, .bool, .integer, .number, .string: self
        case .array(let elements): .array(elements.map(\.sorted))
        case .object(let object):
            .object(JSONObject(object.members.map { ($0.key, $0.value.sorted) }.sorted { $0.0 < $1.0 }))
        }
    }
}

extension String {
    /// How many pieces this separator cuts the text into.
    fileprivate func components(separatedBy separator: String) -> Int {
        split(separator: separator, omittingEmptySubsequences: false).count
    }
}
