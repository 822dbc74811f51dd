public import Contract
import FoundationEssentials

/// A call as the audit log tells of it, in the form of CloudTrail ("CloudTrail record contents").
public struct AuditEntry: Sendable {
    /// Who calls.
    public struct Identity: Sendable {
        /// `IAMUser`, `AssumedRole`, `AWSService`, `Root` or `Unknown`.
        public var type: String
        public var principalID: String
        public var arn: String
        public var account: String
        public var keyID: String
        public var userName: String?
        /// The ARN of the role that was taken on.
        public var role: String?
        /// The service that calls for somebody, such as `credentials.iot.amazonaws.com`.
        public var invokedBy: String?

        public init(
            type: String, principalID: String = "", arn: String = "", account: String = "", keyID: String = "", userName: String? = nil,
            role: String? = nil, invokedBy: String? = nil
        ) {
            self.type = type
            self.principalID = principalID
            self.arn = arn
            self.account = account
            self.keyID = keyID
            self.userName = userName
            self.role = role
            self.invokedBy = invokedBy
        }
    }

    public var identity: Identity
    /// Milliseconds since the epoch.
    public var time: Int64
    /// The service that was called, such as `kinesisvideo.amazonaws.com`.
    public var eventSource: String
    public var eventName: String
    public var region: String
    public var sourceAddress: String
    public var userAgent: String
    public var requestID: String
    public var isReadOnly: Bool
    /// ARNs and names that the call was about.
    public var resources: [String]
    /// Without what is secret; null where there is none.
    public var requestParameters: JSONValue
    public var responseElements: JSONValue
    public var errorCode: String?
    public var errorMessage: String?
    /// The host that the client called over TLS; nil without TLS.
    public var tlsHost: String?
    /// Facts besides, each a number.
    public var additional: [(name: String, value: Int)] = []

    public init(
        identity: Identity, time: Int64, eventSource: String = "kinesisvideo.amazonaws.com", eventName: String, region: String = "",
        sourceAddress: String = "", userAgent: String = "", requestID: String = "", isReadOnly: Bool = false, resources: [String] = [],
        requestParameters: JSONValue = .null,
        responseElements: JSONValue = .null, errorCode: String? = nil, errorMessage: String? = nil, tlsHost: String? = nil,
        additional: [(name: String, value: Int)] = []
    ) {
        self.identity = identity
        self.time = time
        self.eventSource = eventSource
        self.eventName = eventName
        self.region = region
        self.sourceAddress = sourceAddress
        self.userAgent = userAgent
        self.requestID = requestID
        self.isReadOnly = isReadOnly
        self.resources = resources
        self.requestParameters = requestParameters
        self.responseElements = responseElements
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.tlsHost = tlsHost
        self.additional = additional
    }

    /// The record, without its place in a chain.
    func json() -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        json.beginObject()
        json.member("eventVersion", "1.11")
        json.key("userIdentity")
        write(identity, &json)
        json.member("eventTime", Self.time(time))
        json.member("eventSource", eventSource)
        json.member("eventName", eventName)
        json.member("awsRegion", region)
        json.member("sourceIPAddress", sourceAddress)
        json.member("userAgent", userAgent)
        if let errorCode { json.member("errorCode", errorCode) }
        if let errorMessage { json.member("errorMessage", errorMessage) }
        json.key("requestParameters")
        json.value(requestParameters)
        json.key("responseElements")
        json.value(responseElements)
        if !additional.isEmpty {
            json.key("additionalEventData")
            json.beginObject()
            for fact in additional {
                json.key(fact.name)
                json.integer(Int64(fact.value))
            }
            json.endObject()
        }
        json.member("requestID", requestID)
        json.member("eventID", UUID().uuidString.lowercased())
        json.key("readOnly")
        json.bool(isReadOnly)
        if !resources.isEmpty {
            json.key("resources")
            json.beginArray()
            for resource in resources {
                json.beginObject()
                json.member(resource.hasPrefix("arn:") ? "ARN" : "name", resource)
                json.endObject()
            }
            json.endArray()
        }
        json.member("eventType", identity.type == Self.own.type ? "AwsServiceEvent" : "AwsApiCall")
        json.key("managementEvent")
        json.bool(true)
        json.member("recipientAccountId", identity.account)
        if let tlsHost {
            json.key("tlsDetails")
            json.beginObject()
            json.member("clientProvidedHostHeader", tlsHost)
            json.endObject()
        }
        json.endObject()
        return json.bytes
    }

    private func write(_ identity: Identity, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("type", identity.type)
        for (name, value) in [
            ("principalId", identity.principalID), ("arn", identity.arn), ("accountId", identity.account), ("accessKeyId", identity.keyID),
            ("userName", identity.userName ?? ""), ("invokedBy", identity.invokedBy ?? ""),
        ] where !value.isEmpty { json.member(name, value) }
        if let role = identity.role {
            json.key("sessionContext")
            json.beginObject()
            json.key("sessionIssuer")
            json.beginObject()
            json.member("type", "Role")
            json.member("arn", role)
            json.endObject()
            json.endObject()
        }
        json.endObject()
    }

    /// Who the log itself is.
    static let own = Identity(type: "AWSService", principalID: "weir")

    static func time(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds / 1000)).formatted(.iso8601)
    }

    static func milliseconds(_ time: String) -> Int64? {
        (try? Date(time, strategy: .iso8601)).map { Int64($0.timeIntervalSince1970 * 1000) }
    }

    /// When a record of this line was made, by its first member of that name; nil where it says nothing of it.
    static func time(ofLine line: Substring) -> Int64? {
        guard let mark = line.firstRange(of: #""eventTime":""#) else { return nil }
        return milliseconds(String(line[mark.upperBound...].prefix(20)))
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ text: String) {
        key(name)
        string(text)
    }
}
