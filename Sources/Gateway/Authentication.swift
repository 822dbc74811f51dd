import Contract
import IPAddresses
import Identity
import Logging
import NIOCore
import NIOHTTP1
import Planes

extension Gateway {
    /// Who calls: the account that the access key belongs to, in the region that the signature names.
    ///
    /// The signature covers the body of a document, or, where `body` is nil, a hash that the client made up: a streamed body is not signed.
    func authenticate(_ exchange: inout Exchange, _ body: ByteBuffer?) async throws(OperationError) -> Caller {
        let head = exchange.head
        let caller: Caller
        if let bearer = exchange.operation?.bearer { return try self.bearer(bearer, &exchange) }
        switch configuration.authentication {
        case .none(let account, let region):
            try refuseForeignPage(head)
            caller = self.caller(Principal(account: account, keyID: "none", reach: .anything), region: region, exchange, body)
        case .signature(let regions):
            let request = SignedRequest(head, bodyLength: body?.readableBytes)
            let verifier = exchange.pathOperation?.service == .tokens ? tokenVerifier : self.verifier
            let parsed = try refusing { () throws(SignatureError) in try verifier.parse(request) }
            exchange.claimedKeyID = parsed.accessKeyID
            if let regions, !regions.contains(parsed.region) {
                throw OperationError(.invalid("Credential should be scoped to a valid region."))
            }
            let isRefused = verdict(on: exchange.peer) == .refused
            guard !isRefused || keyRing.hasSigned(parsed.accessKeyID) else { throw tooManyFailures }
            let found = try await keyRing.key(parsed.accessKeyID, token: parsed.sessionToken, now: clock.monotonicSeconds())
            if let end = found?.expiresAt, end <= clock.now() { throw OperationError(.expiredToken) }
            let signed = body ?? ByteBuffer()
            let key: ActiveKey
            do throws(OperationError) {
                // A key that nobody has takes as long to be refused as a wrong secret.
                try refusing(tellingOf: found == nil ? nil : (parsed, request, body)) { () throws(SignatureError) in
                    try verifier.verify(
                        parsed, of: request, body: signed.readableBytesSpan, secret: found?.secret ?? nobodysSecret,
                        now: clock.signatureTime(), payload: body == nil ? .unsignedAllowed : .exact)
                    try parsed.requireSigned(exchange.operation?.headersOfInput ?? [], in: request)
                }
                guard let found else { throw OperationError(.unrecognizedClient) }
                key = found
            } catch {
                await noteFailure(of: exchange.peer)
                throw isRefused ? tooManyFailures : found == nil ? OperationError(.unrecognizedClient) : error
            }
            caller = self.caller(key.principal, region: parsed.region, exchange, body)
        }
        exchange.caller = caller
        return caller
    }

    /// Who holds a token is not asked for a signature: players cannot make one.
    private func bearer(
        _ opened: (CallInput) throws(OperationError) -> Bearer, _ exchange: inout Exchange
    ) throws(OperationError) -> Caller {
        let bearer = try opened(CallInput(head: exchange.head, body: UnsafeRawBufferPointer(start: nil, count: 0)))
        let caller = caller(
            Principal(account: bearer.account, keyID: "session", reach: .session), region: bearer.region, exchange, nil)
        exchange.bearer = bearer
        exchange.caller = caller
        return caller
    }

    /// Of a proxy nobody knows who is behind it.
    private func verdict(on peer: Peer) -> FailedSignatures.Verdict {
        peer.isProxy ? .told : failedSignatures.verdict(on: peer.address, now: clock.monotonicSeconds())
    }

    /// Counts a signature that failed, and has whoever sends many of them wait.
    private func noteFailure(of peer: Peer) async {
        guard !peer.isProxy else { return }
        failedSignatures.count(peer.address, now: clock.monotonicSeconds())
        if verdict(on: peer) == .delayed { try? await Task.sleep(for: .milliseconds(200)) }
    }

    private var tooManyFailures: OperationError {
        OperationError(.throttling, "Too many requests from this address had signatures that failed. Try again later.")
    }

    private func refusing<Value>(
        tellingOf refused: (ParsedSignature, SignedRequest, ByteBuffer?)? = nil, _ check: () throws(SignatureError) -> Value
    ) throws(OperationError) -> Value {
        do throws(SignatureError) {
            return try check()
        } catch {
            if error == .mismatch, let (parsed, request, body) = refused { tell(of: parsed, request, body) }
            throw OperationError(error)
        }
    }

    /// Writes down at the level debug what was signed according to a request whose signature is another: of some of them each second.
    private func tell(of parsed: ParsedSignature, _ request: SignedRequest, _ body: ByteBuffer?) {
        let signed = body ?? ByteBuffer()
        guard let logger, logger.logLevel <= .debug, accessLog.hasRoomForDiagnosis(clock.now()),
            let diagnosis = SignatureDiagnosis(parsed, request, body: signed.readableBytesSpan, verifier)
        else { return }
        logger.debug(
            "a signature is not the one of the request as it arrived",
            metadata: [
                "key_tried": "\(parsed.accessKeyID)", "canonical_request": "\(diagnosis.canonicalRequest)",
                "string_to_sign": "\(diagnosis.stringToSign)",
                "a_proxy_may_have_changed": "\(diagnosis.suspects.joined(separator: "; "))",
            ])
    }

    private func caller(_ principal: Principal, region: String, _ exchange: Exchange, _ body: ByteBuffer?) -> Caller {
        Caller(
            principal: principal, region: region, requestID: exchange.requestID, invocation: invocation(exchange, body, region: region),
            origin: origin(exchange),
            circumstances: Caller.Circumstances(
                sourceAddress: exchange.peer.isProxy ? nil : exchange.peer.address, isTLS: configuration.isTLS, time: clock.now()))
    }

    /// Where nobody is asked who they are, a web page in the browser of whoever runs this could call too, from a foreign site or by a name of its
    /// own that it has lead to loopback. Pages, and names that are not this machine's own, are refused unless they are allowed.
    private func refuseForeignPage(_ head: HTTPRequestHead) throws(OperationError) {
        if let origin = head.headers.first(name: "origin") {
            guard isAllowed(origin, at: head) else {
                throw OperationError(.accessDenied, "Web pages of \(origin.shortened) may not call this server: see the key cors-origins.")
            }
        } else if let site = head.headers.first(name: "sec-fetch-site"), site != "none", site != "same-origin" {
            throw OperationError(.accessDenied, "Web pages of other sites may not call this server: see the key cors-origins.")
        }
        if let host = head.headers.first(name: "host"), !host.isLoopback {
            throw OperationError(
                .accessDenied, "Without signatures this server is called at localhost or a loopback address, not at \(host.shortened).")
        }
    }

    /// The SDKs send the same invocation id with each attempt at one call; PHP's and Android's under an older name. Calls that change nothing
    /// need no record.
    private func invocation(_ exchange: Exchange, _ body: ByteBuffer?, region: String) -> Caller.Invocation? {
        let headers = exchange.head.headers
        guard exchange.operation?.isMutation == true, let body,
            let id = headers.first(name: "amz-sdk-invocation-id") ?? headers.first(name: "aws-sdk-invocation-id"),
            !id.isEmpty, id.utf8.count <= 128
        else { return nil }
        let call = Array(region.utf8) + [UInt8(ascii: "\n")] + body.readableBytesView
        return Caller.Invocation(id: id, hash: String(decoding: SignatureVerifier.hexadecimalHash(of: call.span.bytes), as: UTF8.self))
    }

    /// Scheme, host and port that the client used, unless the host is none that a URL could hold. Some SDKs send no port though they connect to
    /// one: it is the port that the connection came in on, unless that is the scheme's own or a proxy's business.
    private func origin(_ exchange: Exchange) -> String? {
        guard let host = exchange.head.headers.first(name: "host"), !host.isEmpty, host.utf8.count <= 255,
            host.utf8.allSatisfy(Self.isHostByte)
        else { return nil }
        let scheme = configuration.isTLS ? "https://" : "http://"
        guard let port = exchange.peer.localPort, port != (configuration.isTLS ? 443 : 80), !host.namesPort, !exchange.peer.isProxy else {
            return scheme + host
        }
        return "\(scheme)\(host):\(port)"
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

extension String {
    /// Whether this value of a Host header has a port. The colons of an IPv6 address are none of it.
    fileprivate var namesPort: Bool {
        guard let colon = utf8.lastIndex(of: UInt8(ascii: ":")) else { return false }
        return utf8.lastIndex(of: UInt8(ascii: "]")).map { $0 < colon } ?? true
    }

    /// Whether this value of a Host header means the machine itself.
    fileprivate var isLoopback: Bool {
        let name = namesPort ? self[..<(utf8.lastIndex(of: UInt8(ascii: ":")) ?? endIndex)] : self[...]
        let isBracketed = name.hasPrefix("[") && name.hasSuffix("]")
        return IPAddress.isLoopback(host: String(isBracketed ? name.dropFirst().dropLast() : name))
    }
}

extension SignedRequest {
    /// As it was received. Where a proxy has put a body into chunks, a length that was signed is the one that was read.
    init(_ head: HTTPRequestHead, bodyLength: Int?) {
        var headers = head.headers.map { Header(name: $0.name, value: $0.value) }
        if let bodyLength, !head.headers.contains(name: "content-length") {
            headers.append(Header(name: "content-length", value: String(bodyLength)))
        }
        self.init(method: head.method.rawValue, rawPath: String(head.path), rawQuery: head.query.map { String($0) }, headers: headers)
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
