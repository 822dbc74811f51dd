import Contract
import Store

/// What events look like and how they are posted, for those who write receivers: a JSON Schema, and an OpenAPI 3.1 description of the webhooks. A
/// test holds events against it.
public enum EventsDocument {
    /// The webhooks, as OpenAPI; indented, with a line feed at its end, the same bytes each time.
    public static var openAPI: String {
        text(
            .object([
                "openapi": "3.1.0",
                "info": .object([
                    "title": "Events of Weir",
                    "version": "1.0",
                    "description": .string(guide),
                    "license": .object(["name": "Apache-2.0", "identifier": "Apache-2.0"]),
                ]),
                "webhooks": .object(["event": .object(["post": webhook])]),
                "components": .object(["schemas": .object(["Event": event("#/components/schemas/Data"), "Data": data])]),
            ]))
    }

    /// One event, as JSON Schema 2020-12; indented, with a line feed at its end, the same bytes each time.
    public static var jsonSchema: String {
        guard case .object(let schema) = event("#/$defs/Data") else { return "" }
        return text(
            .object(
                JSONObject(
                    [
                        ("$schema", "https://json-schema.org/draft/2020-12/schema"), ("$id", "urn:weir:schema:event:1"),
                        ("title", "An event of Weir"),
                    ] + schema.members + [("$defs", .object(["Data": data]))])))
    }

    private static func text(_ document: JSONValue) -> String {
        var writer = JSONWriter(layout: .pretty)
        writer.value(document)
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    private static let guide = """
        Every change that Weir accepts, every status that follows from one, who sends media, and every fragment whose producer asked for it is told \
        to whoever is to be told: to the webhooks, topics and files \
        that an operator subscribes, and to the URL that a stream's notification configuration names.

        **At least once.** An event is posted until it is answered by 2xx. What comes again carries the same `id` and the same header webhook-id: \
        remember one of them for as long as a retry may take, and do nothing the second time.

        **In order.** The events of one subject are posted one after the other, by their `sequence`; those of different subjects in any order, \
        and at once. An event that was given up lets the later ones pass. One that an operator sends again comes out of order, with the \
        attribute `replayed`.

        **Signed** as Standard Webhooks 1.0 says: HMAC-SHA256 with the secret's 32 bytes over `webhook-id.webhook-timestamp.body`. Each URL has a \
        secret of its own. While a secret is changed over there are several signatures; one that fits is enough. Check it over the bytes as \
        they came, and refuse a timestamp that is more than five minutes off.

        **To a topic** the same event is published as the message, except of a fragment: that is published as the service does, its \
        notification alone. A FIFO topic gets a group for each subject and an id for each event, so it keeps \
        the order and drops what comes again within five minutes.

        Answer quickly, and work afterwards. What the body of the answer says makes no difference.
        """

    private static let webhook: JSONValue = .object([
        "operationId": "receiveEvent",
        "summary": "Something has happened.",
        "description": """
        Another attempt follows after any answer but 2xx, and after none, with exponential back-off; redirects are not followed. The last \
        attempt comes hours later.
        """,
        "parameters": .array([
            header(
                "webhook-id", "A digest of the event's id, the same for each attempt; it holds no dot.", required: true,
                example: WebhookSigner.messageID(of: exampleEvent.id)),
            header("webhook-timestamp", "When this attempt was made, in seconds since the epoch.", required: true, example: "1705489836"),
            header(
                "webhook-signature", "One signature or several, separated by spaces: `v1,` and base64.", required: true,
                example: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            header("weir-replay", "`true` where an operator sends the event again; absent otherwise.", required: false, example: "true"),
        ]),
        "requestBody": .object([
            "required": .bool(true),
            "content": .object([
                CloudEvent.contentType: .object([
                    "schema": .object(["$ref": "#/components/schemas/Event"]), "example": example,
                ])
            ]),
        ]),
        "responses": .object([
            "2XX": .object(["description": "The event is taken, and not sent again."]),
            "410": .object(["description": "Nothing more is wanted: the destination is disabled, and what waits for it is given up."]),
            "429": .object([
                "description": """
                Too much: nothing is taken on before the time that Retry-After says, an hour at most; other instances may still send what they \
                had taken on. The same goes for any other failure.
                """,
                "headers": .object([
                    "Retry-After": .object(["description": "Seconds, or a date.", "schema": .object(["type": "string"])])
                ]),
            ]),
            "default": .object(["description": "The attempt has failed, and another follows."]),
        ]),
    ])

    private static func header(_ name: String, _ description: String, required: Bool, example: String) -> JSONValue {
        .object([
            "name": .string(name), "in": "header", "required": .bool(required), "description": .string(description),
            "schema": .object(["type": "string"]), "example": .string(example),
        ])
    }

    private static let exampleEvent = Event(
        resourceARN: "arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421", sequence: 2, type: "StreamStatusChange",
        account: "123456789012", region: "us-east-1", status: "ACTIVE", version: "davN9FKg4vjyKdCSs0f4", keyID: "AKIAIOSFODNN7EXAMPLE",
        requestID: "80d5c412-b90c-48e4-8b15-acfb2f3fe3dc", occurredAt: 1_705_489_836_498)

    private static let example: JSONValue = {
        do {
            return try JSONParser.parse(CloudEvent.json(exampleEvent))
        } catch {
            preconditionFailure("the example is not JSON: \(error)")
        }
    }()

    /// The schema of an event, whose data is described at `dataReference`.
    private static func event(_ dataReference: String) -> JSONValue {
        object(
            required: ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "sequence", "sequencetype", "data"],
            [
                ("specversion", string("The version of CloudEvents.", ["const": "1.0"])),
                (
                    "id",
                    string(
                        "Names the event, whenever and to whomever it is told: the subject, the sequence number and the time.",
                        ["pattern": "^arn:.+/[0-9]+@[0-9]+$"])
                ),
                (
                    "source",
                    string(
                        "Region and account that the event is about; left out where it is about neither.",
                        ["pattern": "^urn:weir:kinesisvideo(:[a-z0-9-]*:[0-9]{12})?$"])
                ),
                (
                    "type",
                    string(
                        "What has happened.",
                        [
                            "oneOf": .array(
                                EventType.all.map { type in
                                    .object([
                                        "const": .string(CloudEvent.typePrefix + type.name), "description": .string(type.documentation),
                                    ])
                                })
                        ])
                ),
                ("subject", string("The ARN of what it has happened to.", ["pattern": "^arn:"])),
                (
                    "time",
                    string(
                        "When, in UTC to the millisecond. Of limits: the minute.",
                        ["format": "date-time", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$"])
                ),
                ("datacontenttype", string("Of `data`.", ["const": "application/json"])),
                (
                    "sequence",
                    string(
                        """
                        Grows with each event of a subject: 1, 2, 3 and so on for streams, channels and the sessions of a stream's producers, and with \
                        gaps for fragments, limits and destinations.
                        """,
                        ["pattern": "^[0-9]+$"])
                ),
                ("sequencetype", string("How sequences compare.", ["const": "Integer"])),
                (
                    "replayed",
                    .object([
                        "type": "boolean", "const": .bool(true), "description": "There where an operator has the event sent again.",
                    ])
                ),
                ("data", .object(["$ref": .string(dataReference)])),
            ])
    }

    private static let data: JSONValue = object(
        required: ["resourceARN", "sequence"],
        [
            ("resourceARN", string("The ARN of what it has happened to.", ["pattern": "^arn:"])),
            ("account", string("Whose it is. Absent where it is nobody's.", ["pattern": "^[0-9]{12}$"])),
            ("region", string("Where it is. Absent where it is nowhere.", ["pattern": "^[a-z0-9-]+$"])),
            (
                "status",
                string(
                    """
                    The status after it: of the stream or channel, DELETED once that is gone; of the edge configuration where the event is about \
                    one; REACHED for a limit; of the destination for what is told of destinations. Of a session OPEN, or why it has ended; of a fragment \
                    PERSISTED. Of images STORED, or why there are none.
                    """, ["minLength": .integer(1)])
            ),
            ("version", string("The version of the stream or channel after it. Absent for what has none.", ["minLength": .integer(1)])),
            ("keyId", string("The access key of the call that led to it. Absent where none did.", ["minLength": .integer(1)])),
            ("requestId", string("The id of the call that led to it. Absent where none did.", ["minLength": .integer(1)])),
            ("sequence", .object(["type": "integer", "minimum": .integer(0), "description": "The same as the attribute."])),
            ("notification", notification),
            ("images", images),
        ])

    /// Of a fragment.
    private static let notification: JSONValue = {
        guard
            case .object(let described) = object(
                required: [
                    "StreamArn", "FragmentNumber", "FragmentStartProducerTimestamp", "FragmentStartServerTimestamp", "NotificationType",
                    "NotificationPayload",
                ],
                [
                    ("StreamArn", string("The stream.", ["pattern": "^arn:"])),
                    ("FragmentNumber", string("As producers and readers know the fragment.", ["pattern": "^[0-9]{40,48}$"])),
                    (
                        "FragmentStartProducerTimestamp",
                        .object(["type": "integer", "description": "When it begins by its producer, in milliseconds since the epoch."])
                    ),
                    (
                        "FragmentStartServerTimestamp",
                        .object(["type": "integer", "description": "When it began to come, in milliseconds since the epoch."])
                    ),
                    ("NotificationType", string("The fragment is stored.", ["const": "PERSISTED"])),
                    (
                        "NotificationPayload",
                        .object([
                            "type": "object", "description": "The fragment's other tags, by their names.", "maxProperties": .integer(10),
                            "additionalProperties": .object(["type": "string", "maxLength": .integer(256)]),
                        ])
                    ),
                ])
        else { return .null }
        return .object(
            JSONObject(
                described.members + [
                    (
                        "description",
                        .string("Of a fragment, as a topic gets it alone, with the subject `Kinesis Video Streams Notification`.")
                    )
                ]))
    }()

    /// Of images of a fragment.
    private static let images = object(
        required: ["StreamArn", "FragmentNumber", "Destination", "Count", "Images"],
        [
            ("StreamArn", string("The stream.", ["pattern": "^arn:"])),
            ("FragmentNumber", string("As producers and readers know the fragment.", ["pattern": "^[0-9]{40,48}$"])),
            ("Destination", string("Where the images are, as the stream's configuration says it.", ["minLength": .integer(1)])),
            ("Count", .object(["type": "integer", "minimum": .integer(1), "description": "How many there are."])),
            (
                "Images",
                .object([
                    "type": "array", "description": "The first of them.", "minItems": .integer(1), "maxItems": .integer(100),
                    "items": object(
                        required: ["Key", "Timestamp"],
                        [
                            ("Key", string("The name of the object in the bucket or folder.", ["minLength": .integer(1)])),
                            ("Timestamp", .object(["type": "integer", "description": "What it shows, in milliseconds since the epoch."])),
                        ]),
                ])
            ),
        ])

    private static func object(required: [String], _ properties: [(key: String, value: JSONValue)]) -> JSONValue {
        .object([
            "type": "object", "required": .array(required.map { .string($0) }), "additionalProperties": .bool(false),
            "properties": .object(JSONObject(properties)),
        ])
    }

    private static func string(_ description: String, _ more: JSONObject) -> JSONValue {
        .object(JSONObject([("type", "string"), ("description", .string(description))] + more.members))
    }
}
