import Audit
import Contract
import Identity
import NIOCore
import NIOHTTP1
import Planes

// What the audit log is told of a call: every one that changes something or gives credentials, and every one that its caller may not make.
extension Gateway {
    /// Keeps what a call asks for, without what is secret.
    func keepParameters(of operation: RoutedOperation, _ body: ByteBuffer?, in exchange: inout Exchange) {
        guard audit != nil, let parameters = operation.auditedParameters(exchange.head, body) else { return }
        exchange.parameters = parameters
    }

    /// Writes down a call that was answered, before the answer leaves. Throws where that cannot be done and must be.
    func writeDown(_ exchange: inout Exchange, answer: [UInt8] = []) async throws(OperationError) {
        guard let audit, let operation = exchange.operation, exchange.caller != nil, operation.changes || exchange.granted != nil else {
            return
        }
        exchange.isWrittenDown = true
        var entry = entry(exchange, operation)
        if let output = operation.id?.contract.output, let json = try? JSONParser.parse(answer) {
            entry.responseElements = output.audited(json)
        }
        if let granted = exchange.granted { entry.responseElements = granted }
        try await audit.record(entry)
    }

    /// Writes down a call that was refused, if it would have changed something or its caller may not make it. Of calls that anybody can send, and of
    /// those that come too fast, some get a record each second, and of the others the number is told.
    func writeDown(_ exchange: Exchange, refusal error: OperationError) async {
        guard let audit, !exchange.isWrittenDown else { return }
        let operation = exchange.pathOperation
        let isDenied = error.code == .accessDenied || exchange.caller == nil && error.code.isOfSignature
        let isChange = operation?.changes == true && exchange.caller != nil
        guard isDenied || isChange else { return }
        let isSampled = exchange.caller == nil || error.code == .throttling || error.code == .clientLimitExceeded
        guard !isSampled || audit.samples(now: clock.now()) else { return }
        // The refusal is the answer, whether or not it is written down; what is lost is counted.
        try? await audit.record(entry(exchange, operation).refused(error))
    }

    /// Writes down what a device got, before it leaves. Throws where that cannot be done and must be.
    func writeDown(_ exchange: inout Exchange, _ grant: DeviceGrant) async throws(OperationError) {
        guard let audit else { return }
        exchange.isWrittenDown = true
        var entry = deviceEntry(exchange)
        entry.resources = [grant.role]
        entry.responseElements = .object(
            JSONObject([
                (
                    "credentials",
                    .object(JSONObject([("accessKeyId", .string(grant.keyID)), ("expiration", .string(grant.expiration))]))
                )
            ]))
        try await audit.record(entry)
    }

    /// Writes down what a device was refused. Of those that nobody knows, and of those that ask too often, some get a record each second.
    func writeDown(_ exchange: Exchange, refusalOfDevice error: OperationError) async {
        guard let audit, !exchange.isWrittenDown else { return }
        guard exchange.device != nil && error.code != .throttling || audit.samples(now: clock.now()) else { return }
        try? await audit.record(deviceEntry(exchange).refused(error))
    }

    /// The record of a device that asks for credentials, in the form of those of services that assume a role for somebody.
    private func deviceEntry(_ exchange: Exchange) -> AuditEntry {
        var entry = entry(exchange, nil)
        let device = exchange.device
        entry.identity = AuditEntry.Identity(
            type: "AWSService",
            principalID: device?.certificateID ?? exchange.certificate.map { DeviceCredentials.id(ofCertificate: $0) } ?? "",
            arn: device.map { "arn:aws:iot::\($0.account):thing/\($0.thing)" } ?? "", account: device?.account ?? "",
            userName: device?.thing, invokedBy: DeviceCredentials.service)
        (entry.eventSource, entry.eventName) = ("sts.amazonaws.com", "AssumeRoleWithCertificate")
        return entry
    }

    /// A writer that writes the call down before its answer begins.
    func writingDown(_ writer: StreamWriter, _ exchange: Exchange, _ operation: RoutedOperation) -> any ResponseWriter {
        guard audit != nil, operation.changes else { return writer }
        return AuditedWriter(writer) { [self] in
            var exchange = exchange
            do throws(OperationError) { try await writeDown(&exchange) } catch { return false }
            return true
        }
    }

    private func entry(_ exchange: Exchange, _ operation: RoutedOperation?) -> AuditEntry {
        let head = exchange.head
        return AuditEntry(
            identity: exchange.caller?.auditIdentity ?? AuditEntry.Identity(type: "Unknown", keyID: exchange.claimedKeyID ?? ""),
            time: clock.now(), eventSource: operation?.service == .tokens ? "sts.amazonaws.com" : "kinesisvideo.amazonaws.com",
            eventName: exchange.access?.operation ?? operation?.name ?? "Unknown", region: exchange.caller?.region ?? "",
            sourceAddress: exchange.peer.address,
            userAgent: String((head.headers.first(name: "user-agent") ?? "").unicodeScalars.prefix(512)),
            requestID: exchange.requestID, isReadOnly: operation?.changes != true, resources: exchange.access?.auditResources ?? [],
            requestParameters: exchange.parameters,
            tlsHost: configuration.isTLS ? String((head.headers.first(name: "host") ?? "").unicodeScalars.prefix(255)) : nil)
    }
}

/// Writes the call down before the first byte of the answer.
private final class AuditedWriter: ResponseWriter {
    private let writer: StreamWriter
    private let writeDown: @Sendable () async -> Bool
    /// The protocol has one task at a time.
    private nonisolated(unsafe) var isDone = false

    init(_ writer: StreamWriter, _ writeDown: @escaping @Sendable () async -> Bool) {
        self.writer = writer
        self.writeDown = writeDown
    }

    func start(contentType: String, length: Int?, headers: [(name: String, value: String)]) async throws(ClientLeft) {
        try await begin()
        try await writer.start(contentType: contentType, length: length, headers: headers)
    }

    func write(_ bytes: ByteBuffer) async throws(ClientLeft) {
        try await begin()
        try await writer.write(bytes)
    }

    func whenDraining(bodyGoesOn: Bool, _ handler: @escaping @Sendable () -> Void) {
        writer.whenDraining(bodyGoesOn: bodyGoesOn, handler)
    }

    /// What cannot be written down does not begin: the client is cut off.
    private func begin() async throws(ClientLeft) {
        guard !isDone else { return }
        isDone = true
        guard await writeDown() else { throw ClientLeft() }
    }
}

extension RoutedOperation {
    /// Whether a call changes something: a connected WebSocket is something that others see.
    var changes: Bool { isMutation || id?.isMutation == true || payload == .socket }

    /// What a request asks for, as the audit log tells it; nil where neither a contract nor the head tells what is secret.
    fileprivate func auditedParameters(_ head: HTTPRequestHead, _ body: ByteBuffer?) -> JSONValue? {
        let input = CallInput(head: head, body: UnsafeRawBufferPointer(start: nil, count: 0))
        guard let contract = id?.contract else {
            guard payload == .socket else { return nil }
            let members = [("channelARN", "X-Amz-ChannelARN"), ("clientId", "X-Amz-ClientId")].compactMap { name, parameter in
                input.query(parameter).map { (name, JSONValue.string(String($0.unicodeScalars.prefix(1024)))) }
            }
            return .object(JSONObject(members))
        }
        var members: [(key: String, value: JSONValue)] = []
        if contract.payload == .json, let body, body.readableBytes > 0 {
            let json = body.withUnsafeReadableBytes { bytes in try? JSONParser.parse(bytes, maximumContainers: 16_384) }
            guard case .object(let object)? = json else { return .null }
            members = object.members
        }
        for member in contract.input.members {
            let text: String? =
                switch member.place {
                case .body: nil
                case .header(let name): input.header(name)
                case .query(let name): input.query(name)
                }
            members.removeAll { member.place != .body && $0.key == member.name }
            if let text { members.append((member.name, .string(text))) }
        }
        return contract.input.audited(.object(JSONObject(members)))
    }
}

extension Access {
    fileprivate var auditResources: [String] {
        resources.map { resource in
            switch resource {
            case .arn(let arn), .thing(let arn), .role(let arn): String(arn.unicodeScalars.prefix(1024))
            case .own(let kind, let name), .new(let kind, let name): "\(kind)/\(String(name.unicodeScalars.prefix(256)))"
            }
        }
    }
}

extension Caller {
    fileprivate var auditIdentity: AuditEntry.Identity {
        switch principal.reach {
        case .account:
            AuditEntry.Identity(type: "IAMUser", principalID: keyID, arn: arn, account: account, keyID: keyID)
        case .user(let user):
            AuditEntry.Identity(type: "IAMUser", principalID: user.name, arn: arn, account: account, keyID: keyID, userName: user.name)
        case .role(let session):
            AuditEntry.Identity(
                type: "AssumedRole", principalID: "\(session.roleID):\(session.name)", arn: arn, account: account, keyID: keyID,
                role: principalARN)
        case .thing(let thing):
            AuditEntry.Identity(type: "IAMUser", principalID: thing, arn: thing, account: account, keyID: keyID)
        case .session, .anything:
            AuditEntry.Identity(type: "Unknown", arn: arn, account: account, keyID: keyID)
        }
    }
}

extension AuditEntry {
    fileprivate func refused(_ error: OperationError) -> AuditEntry {
        var entry = self
        entry.errorCode = error.code.rawValue
        entry.errorMessage = String(error.publicMessage.unicodeScalars.prefix(1024))
        return entry
    }
}

extension ErrorCode {
    /// Whether a request is refused because nobody knows who sends it.
    fileprivate var isOfSignature: Bool {
        [.missingAuthenticationToken, .incompleteSignature, .invalidSignature, .unrecognizedClient, .expiredToken].contains(self)
    }
}
