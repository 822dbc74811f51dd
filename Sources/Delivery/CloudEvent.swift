import Contract
public import Store

/// How an event is told: CloudEvents 1.0, structured, in JSON.
public enum CloudEvent {
    /// Of a document that holds one event.
    public static let contentType = "application/cloudevents+json"
    /// What the type of every event begins with; the operation, or the name of what happened, follows.
    public static let typePrefix = "weir.kinesisvideo."

    /// The event as one line of JSON without a line feed; the same bytes each time.
    public static func json(_ event: Event, isReplay: Bool = false) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.member("specversion", "1.0")
        writer.member("id", event.id)
        writer.member("source", source(of: event))
        writer.member("type", typePrefix + event.type)
        writer.member("subject", event.resourceARN)
        writer.member("time", Timestamp(millisecondsSinceEpoch: event.occurredAt).iso8601)
        writer.member("datacontenttype", "application/json")
        writer.member("sequence", String(event.sequence))
        writer.member("sequencetype", "Integer")
        if isReplay {
            writer.key("replayed")
            writer.bool(true)
        }
        writer.key("data")
        writeData(of: event, &writer)
        writer.endObject()
        return writer.bytes
    }

    /// The source of the event: an account in a region or, where the event is about neither, the deployment.
    static func source(of event: Event) -> String {
        event.account.isEmpty ? "urn:weir:kinesisvideo" : "urn:weir:kinesisvideo:\(event.region):\(event.account)"
    }

    /// Members whose value is unknown or does not apply are left out.
    private static func writeData(of event: Event, _ writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("resourceARN", event.resourceARN)
        for (name, value) in [
            ("account", event.account), ("region", event.region), ("status", event.status), ("version", event.version),
            ("keyId", event.keyID), ("requestId", event.requestID),
        ] where !value.isEmpty {
            writer.member(name, value)
        }
        writer.key("sequence")
        writer.integer(event.sequence)
        if let detail = event.detail, let value = try? JSONParser.parse(Array(detail.utf8)) {
            writer.key(event.isOfImages ? "images" : "notification")
            writer.value(value)
        }
        writer.endObject()
    }
}

extension Event {
    /// Whether its detail tells of images, and not of a fragment.
    var isOfImages: Bool { type == EventName.imagesGenerated.rawValue }
}

extension JSONWriter {
    /// A member that is a string.
    mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }
}
