import Contract
import FoundationEssentials
import Identity
import NIOHTTP1
import Planes

// What devices ask for where they are listened for: `GET /role-aliases/NAME/credentials`, over TLS with a certificate of their own.
//
// AWS IoT Core developer guide, "Authorizing direct calls to AWS services using AWS IoT Core credential provider".
extension Gateway {
    /// How often a device may ask, in a second. One that works asks a few times in an hour.
    private static let rate = 10

    /// The answer to a device; errors have the form of that provider.
    func deviceReply(_ exchange: inout Exchange) async -> Reply {
        var reply: Reply
        do throws(OperationError) {
            let grant = try await deviceCredentials(&exchange)
            try await writeDown(&exchange, grant)
            reply = Reply(status: 200, body: grant.document)
        } catch {
            exchange.error = error
            await writeDown(exchange, refusalOfDevice: error)
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("message")
            writer.string(error.publicMessage)
            writer.endObject()
            reply = Reply(status: error.code.status, body: writer.bytes)
            reply.add("x-amzn-ErrorType", error.code.rawValue)
        }
        return reply.with([("x-amzn-RequestId", exchange.requestID)])
    }

    private func deviceCredentials(_ exchange: inout Exchange) async throws(OperationError) -> DeviceGrant {
        let head = exchange.head
        guard !exchange.peer.isForOperators else {
            throw OperationError(.serviceUnavailable, "This server has as many connections as it takes. Try again.")
        }
        // Several headers of one name are one with commas between them, which no thing is called (RFC 9110, section 5.3).
        let things = head.headers["x-amzn-iot-thingname"]
        let (alias, thing) = (Self.alias(of: head.routePath), things.isEmpty ? nil : things.joined(separator: ","))
        exchange.parameters = .object(
            JSONObject(
                [("roleAlias", alias), ("thingName", thing)].compactMap { name, text in
                    text.map { (name, .string(String($0.unicodeScalars.prefix(128)))) }
                }))
        guard let devices, let certificate = exchange.certificate else {
            throw OperationError(.accessDenied, "Certificate is invalid on this endpoint")
        }
        try throttle.admit(device: DeviceCredentials.id(ofCertificate: certificate), rate: Self.rate, now: clock.monotonicSeconds())
        let device = try await devices.device(certificate: certificate)
        exchange.device = device
        exchange.caller = Caller(
            principal: Principal(account: device.account, keyID: device.serial, reach: .session), region: "", requestID: exchange.requestID,
            invocation: nil, origin: nil)
        exchange.resourceName = device.thing
        guard head.method == .GET, let alias else {
            throw OperationError(.resourceNotFound, "There is nothing here but GET /role-aliases/NAME/credentials.")
        }
        return try await devices.credentials(of: device, alias: alias, thing: thing)
    }

    /// NAME in `/role-aliases/NAME/credentials`, where it is one that an alias can have; nil for any other path.
    private static func alias(of path: Substring) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == "role-aliases", parts[3] == "credentials" else { return nil }
        let name = String(decoding: parts[2].utf8.formDecoded, as: UTF8.self)
        return name.wholeMatch(of: /[A-Za-z0-9=,@_-]{1,128}/) == nil ? nil : name
    }
}
