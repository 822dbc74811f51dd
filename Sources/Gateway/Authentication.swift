import Contract
import Identity
import NIOCore
import NIOHTTP1

extension Gateway {
    /// Who calls: the account that the access key belongs to, in the region that the signature names.
    ///
    /// The signature covers the body of a document, or, where `body` is nil, a hash that the client made up: a streamed body is not signed.
    func authenticate(_ exchange: inout Exchange, _ body: ByteBuffer?) async throws(OperationError) -> Caller {
        let head = exchange.head
        let caller: Caller
        switch configuration.authentication {
        case .none(let account, let region):
            // A web page in the browser of whoever runs this could call too: it is asked where it comes from, as nothing else is.
            if let origin = head.headers.first(name: "origin"), !isAllowed(origin) {
                throw OperationError(.accessDenied, "Web pages of \(origin.shortened) may not call this server: see the key cors-origins.")
            }
            caller = self.caller(Principal(account: account, keyID: "none", reach: .anything), region: region, exchange, body)
        case .signature(let regions):
            let request = SignedRequest(head)
            let parsed = try refusing { () throws(SignatureError) in try verifier.parse(request) }
            exchange.claimedKeyID = parsed.accessKeyID
            if let regions, !regions.contains(parsed.region) {
                throw OperationError(.invalid("Credential should be scoped to a valid region."))
            }
            guard let key = try await keyRing.key(parsed.accessKeyID, now: clock.monotonicSeconds()) else {
                throw OperationError(.unrecognizedClient)
            }
            let signed = body ?? ByteBuffer()
            try refusing { () throws(SignatureError) in
                try verifier.verify(
                    parsed, of: request, body: signed.readableBytesSpan, secret: key.secret, now: clock.signatureTime(),
                    payload: body == nil ? .unsignedAllowed : .exact)
            }
            caller = self.caller(Principal(key), region: parsed.region, exchange, body)
        }
        exchange.caller = caller
        return caller
    }

    private func refusing<Value>(_ check: () throws(SignatureError) -> Value) throws(OperationError) -> Value {
        do throws(SignatureError) { return try check() } catch { throw OperationError(error) }
    }

    private func caller(_ principal: Principal, region: String, _ exchange: Exchange, _ body: ByteBuffer?) -> Caller {
        Caller(
            principal: principal, region: region, requestID: exchange.requestID, invocation: invocation(exchange, body),
            origin: origin(exchange))
    }

    /// The SDKs send the same invocation id with each attempt at one call. Calls that change nothing need no record.
    private func invocation(_ exchange: Exchange, _ body: ByteBuffer?) -> Caller.Invocation? {
        guard exchange.operation?.isMutation == true, let body, let id = exchange.head.headers.first(name: "amz-sdk-invocation-id"),
            !id.isEmpty, id.utf8.count <= 128
        else { return nil }
        return Caller.Invocation(
            id: id, bodyHash: String(decoding: SignatureVerifier.hexadecimalHash(of: body.readableBytesSpan), as: UTF8.self))
    }

    /// Scheme and host that the client used, unless the host is none that a URL could hold.
    private func origin(_ exchange: Exchange) -> String? {
        guard let host = exchange.head.headers.first(name: "host"), !host.isEmpty, host.utf8.count <= 255,
            host.utf8.allSatisfy(Self.isHostByte)
        else { return nil }
        return (configuration.isTLS ? "https://" : "http://") + host
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

extension SignedRequest {
    /// As it was received.
    init(_ head: HTTPRequestHead) {
        self.init(
            method: head.method.rawValue, rawPath: String(head.path), rawQuery: head.query.map { String($0) },
            headers: head.headers.map { Header(name: $0.name, value: $0.value) })
    }
}

extension OperationError {
    /// A refusal of the signature layer, as the client gets it.
    fileprivate init(_ error: SignatureError) {
        let code: ErrorCode =
            switch error.kind {
            case .missingAuthenticationToken: .missingAuthenticationToken
            case .incompleteSignature: .incompleteSignature
            case .invalidSignature: .invalidSignature
            case .unrecognizedClient: .unrecognizedClient
            case .expiredToken: .expiredToken
            }
        self.init(code, error.message)
    }
}
