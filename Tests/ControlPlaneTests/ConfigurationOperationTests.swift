import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// What the operations on image generation and notification configurations answer.
@Suite struct ConfigurationOperationTests {
    /// One of the two configurations: its operations, the member that holds it, and texts that are accepted.
    struct Kind: Sendable, CustomTestStringConvertible {
        let member: String
        let update: OperationID
        let describe: OperationID
        /// As the messages name what is enabled.
        let subject: String
        let enabled: [String]

        var testDescription: String { member }
        var disabled: [String] { enabled.map { $0.replacing("ENABLED", with: "DISABLED") } }

        func body(_ configuration: String, stream: String = #""StreamName":"gate""#) -> String {
            #"{\#(stream),"\#(member)":\#(configuration)}"#
        }

        func answer(_ configuration: String) -> String { #"{"\#(member)":\#(configuration)}"# }
    }

    private static func image(
        interval: String = "200", format: String? = nil, region: String = "eu-west-1", size: String = "", status: String = "ENABLED"
    ) -> String {
        #"{"DestinationConfig":{"DestinationRegion":"\#(region)","Uri":"s3://bucket/images"},"Format":"JPEG""#
            + (format.map { #","FormatConfig":{"JPEGQuality":"\#($0)"}"# } ?? "")
            + (size.isEmpty ? "" : #","HeightPixels":\#(size)"#)
            + #","ImageSelectorType":"PRODUCER_TIMESTAMP","SamplingInterval":\#(interval),"Status":"\#(status)"}"#
    }

    private static func notification(_ uri: String, status: String = "ENABLED") -> String {
        #"{"DestinationConfig":{"Uri":"\#(uri)"},"Status":"\#(status)"}"#
    }

    private static let imageKind = Kind(
        member: "ImageGenerationConfiguration", update: .updateImageGenerationConfiguration,
        describe: .describeImageGenerationConfiguration, subject: "image generation",
        enabled: [
            image(), image(interval: "20000", format: "100"), image(format: "1", size: "2160"), image(interval: "2147483647"),
        ])
    private static let notificationKind = Kind(
        member: "NotificationConfiguration", update: .updateNotificationConfiguration, describe: .describeNotificationConfiguration,
        subject: "a notification",
        enabled: [notification("arn:aws:sns:eu-west-1:111122223333:motion"), notification("https://here.example.com/hook")])
    private static let kinds = [imageKind, notificationKind]

    @Test(arguments: kinds) func `a configuration is described as it was set, and deleted`(_ kind: Kind) async throws {
        try await Plane.with { plane in
            let before = try await plane.active()
            #expect(try await plane.call(kind.describe, #"{"StreamName":"gate"}"#) == "{}")
            for text in kind.enabled + kind.disabled {
                #expect(try await plane.call(kind.update, kind.body(text)) == "")
                for stream in [#""StreamName":"gate""#, #""StreamARN":"\#(Wire.streamARN)""#] {
                    #expect(try await plane.call(kind.describe, "{\(stream)}") == kind.answer(text))
                }
            }
            #expect(try await plane.store.stream(.named("gate")) == before)
            for deletion in [kind.body("null"), #"{"StreamARN":"\#(Wire.streamARN)"}"#] {
                #expect(try await plane.call(kind.update, kind.body(kind.enabled[0])) == "")
                #expect(try await plane.call(kind.update, deletion) == "")
                #expect(try await plane.call(kind.describe, #"{"StreamName":"gate"}"#) == "{}")
            }
            #expect(plane.hintCount == 0)
            #expect(try await plane.store.events(of: Wire.streamARN).last?.type == kind.update.rawValue)
        }
    }

    @Test(arguments: kinds) func `what is enabled needs media that is kept, what is disabled or deleted does not`(_ kind: Kind) async throws
    {
        try await Plane.with { plane in
            _ = try await plane.active()
            try plane.database.execute("UPDATE stream SET data_retention_in_hours = 0")
            let refusal = try await plane.refusal(kind.update, kind.body(kind.enabled[0]))
            #expect(refusal.code == .noDataRetention)
            #expect(
                refusal.publicMessage
                    == "The stream gate has a retention of 0 hours, and \(kind.subject) needs media that is kept: raise it with UpdateDataRetention."
            )
            #expect(try await plane.call(kind.describe, #"{"StreamName":"gate"}"#) == "{}")
            #expect(try await plane.call(kind.update, kind.body(kind.disabled[0])) == "")
            #expect(try await plane.call(kind.update, kind.body("null")) == "")
        }
    }

    @Test(arguments: kinds) func `only an ACTIVE stream is configured, one in any status described`(_ kind: Kind) async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            _ = try await plane.call(kind.update, kind.body(kind.enabled[0]))
            for status in [ResourceStatus.creating, .updating, .deleting] {
                try plane.setStatus(status)
                for text in [kind.enabled[0], "null"] {
                    let refusal = try await plane.refusal(kind.update, kind.body(text))
                    #expect(refusal.code == .resourceInUse)
                    #expect(refusal.publicMessage == "The stream gate is \(status.rawValue): try again once it is ACTIVE.")
                }
                #expect(try await plane.call(kind.describe, #"{"StreamName":"gate"}"#) == kind.answer(kind.enabled[0]))
            }
        }
    }

    @Test(arguments: kinds) func `a stream that is not there is not found, one of another account denied`(_ kind: Kind) async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            for operation in [kind.update, kind.describe] {
                for stream in [#""StreamName":"absent""#, #""StreamARN":"\#(Wire.arn(.stream, "gate", time: 1))""#] {
                    let missing = try await plane.refusal(operation, kind.body(kind.enabled[0], stream: stream))
                    #expect(missing.code == .resourceNotFound)
                }
                let calls = plane.callCount
                let foreign = #""StreamARN":"\#(Wire.arn(.stream, "gate", account: "999988887777"))""#
                #expect(try await plane.refusal(operation, kind.body(kind.enabled[0], stream: foreign)).code == .accessDenied)
                let neither = try await plane.refusal(operation, "{}")
                #expect(neither.code == .invalidArgument)
                #expect(neither.publicMessage == "StreamName or StreamARN is required: name the stream by one of them.")
                #expect(plane.callCount == calls)
            }
        }
    }

    @Test func `an image generation configuration keeps to its prose`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            for (configuration, message) in [
                (Self.image(interval: "199"), "SamplingInterval is 199 ms: it must be at least 200."),
                (Self.image(interval: "-1"), "SamplingInterval is -1 ms: it must be at least 200."),
                (Self.image(format: "0"), "FormatConfig.JPEGQuality is 0: it must be a whole number from 1 to 100."),
                (Self.image(format: "101"), "FormatConfig.JPEGQuality is 101: it must be a whole number from 1 to 100."),
                (Self.image(format: "fine"), "FormatConfig.JPEGQuality is fine: it must be a whole number from 1 to 100."),
                (
                    Self.image(region: "eu-west-2"),
                    "DestinationConfig.DestinationRegion is eu-west-2: it must be the stream's own region, eu-west-1."
                ),
            ] {
                // Also where it is not at work.
                for text in [configuration, configuration.replacing("ENABLED", with: "DISABLED")] {
                    let refusal = try await plane.refusal(.updateImageGenerationConfiguration, Self.imageKind.body(text))
                    #expect(refusal.code == .invalidArgument)
                    #expect(refusal.publicMessage == message)
                }
            }
            #expect(plane.callCount == 0)
        }
    }

    @Test func `a notification leads to a topic or to a web server`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            for uri in ["s3://bucket", "ftp://here", "arn:aws:sqs:eu-west-1:111122223333:queue", "arn:aws:sns::111122223333:x", "sns:x"] {
                for status in ["ENABLED", "DISABLED"] {
                    let refusal = try await plane.refusal(
                        .updateNotificationConfiguration, Self.notificationKind.body(Self.notification(uri, status: status)))
                    #expect(refusal.code == .invalidArgument)
                    #expect(
                        refusal.publicMessage
                            == "DestinationConfig.Uri \(uri) is neither the ARN of an SNS topic nor a URL that begins with https://.")
                }
            }
            let plain = try await plane.refusal(
                .updateNotificationConfiguration, Self.notificationKind.body(Self.notification("http://here/hook")))
            #expect(plain.code == .invalidArgument)
            #expect(
                plain.publicMessage
                    == "DestinationConfig.Uri http://here/hook begins with http://, which this deployment does not allow: use https://.")
            #expect(plane.callCount == 0)
        }
        try await Plane.with(notifications: NotificationRules(allowsHTTP: true)) { plane in
            _ = try await plane.active()
            let body = Self.notificationKind.body(Self.notification("http://here/hook"))
            #expect(try await plane.call(.updateNotificationConfiguration, body) == "")
        }
    }

    @Test(
        arguments: [
            ("https://user:pw@h.example/x", "names a user"), ("https://a b/", "must be encoded"),
            ("https://bücher.example/", "must be encoded"), ("https://h:99999/", "port"), ("https://h:0/", "port"), ("https://h:x/", ""),
            ("https://a..b/", "host"), ("https://\(String(repeating: "a", count: 64)).example/", "host"), ("https://[::zz]/", ""),
            ("https://[::1%25eth0]/", ""), ("https://a%2fb/", "host"), ("https://h.example/\\u0000", "must be encoded"),
            ("https://h.example/\\u001b[2J", "must be encoded"), ("https://h.example/\\u202e", "must be encoded"),
            ("arn:aws:sns:eu-west-1:111122223333:a\\u0000b", "neither"), ("arn:aws:sns:eu-west-1:111122223333:a\\u001b[2J", "neither"),
            ("arn:aws:sns:EU/x:111122223333:a", "neither"),
        ], Engine.allCases) func `a notification that could never arrive is refused, whatever its status`(
            _ given: (uri: String, what: String), _ engine: Engine
        ) async throws
    {
        try await Plane.with(engine) { plane in
            _ = try await plane.active()
            for status in ["ENABLED", "DISABLED"] {
                let refusal = try await plane.refusal(
                    .updateNotificationConfiguration, Self.notificationKind.body(Self.notification(given.uri, status: status)))
                #expect(refusal.code == .invalidArgument)
                #expect(refusal.publicMessage.contains(given.what), "\(refusal.publicMessage)")
                #expect(!refusal.publicMessage.contains("user:pw") && !refusal.publicMessage.unicodeScalars.contains { $0.value < 0x20 })
            }
            #expect(plane.callCount == 0)
        }
    }

    @Test func `FIFO topics can be named`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            let body = Self.notificationKind.body(Self.notification("arn:aws:sns:eu-west-1:111122223333:motion.fifo"))
            #expect(try await plane.call(.updateNotificationConfiguration, body) == "")
        }
    }

    @Test(arguments: Engine.allCases) func `streams name no more destinations than they may`(_ engine: Engine) async throws {
        try await Plane.with(engine, notifications: NotificationRules(destinationLimit: 0)) { plane in
            _ = try await plane.active()
            let refusal = try await plane.refusal(
                .updateNotificationConfiguration, Self.notificationKind.body(Self.notification("https://h.example/")))
            #expect(refusal.code == .invalidArgument && refusal.publicMessage.contains("name 0 notification destinations"))
            let disabled = Self.notificationKind.body(Self.notification("https://h.example/", status: "DISABLED"))
            #expect(try await plane.call(.updateNotificationConfiguration, disabled) == "")
        }
    }

    @Test(arguments: [false, true]) func `web servers are told of the stream, topics where the operator says so`(_ tellsTopics: Bool)
        async throws
    {
        try await Plane.with(notifications: NotificationRules(tellsTopicsOfLifecycle: tellsTopics)) { plane in
            _ = try await plane.active()
            func destination(_ configuration: String) async throws -> SQLValue? {
                _ = try await plane.call(.updateNotificationConfiguration, Self.notificationKind.body(configuration))
                return try plane.database.rows(
                    "SELECT target FROM stream JOIN destination ON destination.id = stream.notification_destination"
                ).first?.first
            }
            let (topic, server) = ("arn:aws:sns:eu-west-1:111122223333:motion", "https://here.example.com/hook")
            #expect(try await destination(Self.notification(server)) == .text(server))
            #expect(try await destination(Self.notification(topic)) == (tellsTopics ? .text(topic) : nil))
            #expect(try await destination(Self.notification(server, status: "DISABLED")) == nil)
            #expect(try await destination(Self.notification(server)) == .text(server))
            #expect(try await destination("null") == nil)
        }
    }

    @Test func `a stored document that cannot be read is an internal failure`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            for kind in Self.kinds {
                let column = kind.member == "NotificationConfiguration" ? "notification_configuration" : "image_generation_configuration"
                for text in ["", "{}", "[", #"{"Status":7}"#] {
                    try plane.database.execute("UPDATE stream SET \(column) = '\(text)'")
                    let error = try await plane.refusal(kind.describe, #"{"StreamName":"gate"}"#)
                    #expect(error.code == .internalFailure)
                    #expect(error.publicMessage == "The request cannot be processed because of an internal failure.")
                    #expect(error.privateContext == "a stored \(kind.member) cannot be read")
                }
            }
        }
    }
}
