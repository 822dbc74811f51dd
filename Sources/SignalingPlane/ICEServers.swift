import Contract
import Crypto
import FoundationEssentials
import Identity
import Planes
import Store

/// The servers by which peers find a way to each other.
public struct ICEServers: Sendable {
    /// A TURN server that shares a secret with this deployment, as coturn does with `use-auth-secret`.
    public struct TURN: Sendable, Hashable {
        /// As RFC 7065 writes them, one to four.
        public let uris: [String]

        public init(uris: [String]) { self.uris = uris }
    }

    let turn: [TURN]
    /// What credentials are made by. It may be replaced while the process runs.
    let secret: @Sendable () -> String
    /// The port of this deployment's own STUN responder.
    let stunPort: @Sendable () -> Int
    let isThere: @Sendable (TURN) -> Bool

    /// - Parameters:
    ///   - turn: At most five, of which clients use the first.
    ///   - secret: Shared with all of them; empty where there is none.
    ///   - stunPort: Told where there is no TURN server, with the host that the client called.
    ///   - isThere: Whether a TURN server is to be told of. Where none is, all are.
    public init(
        turn: [TURN], secret: @escaping @Sendable () -> String, stunPort: @escaping @Sendable () -> Int,
        isThere: @escaping @Sendable (TURN) -> Bool = { _ in true }
    ) {
        self.turn = turn
        self.secret = secret
        self.stunPort = stunPort
        self.isThere = isThere
    }

    /// The TURN servers that do not answer.
    var gone: Set<TURN> { Set(turn).filter { !isThere($0) } }

    /// How long credentials are good for, in seconds. WebRTC developer guide, "service quotas".
    static let lifetime = 300

    /// What a peer of a channel is told. `host` is the one that it called; `now` is in seconds since the epoch.
    func list(for channelARN: String, host: String, now: Int) -> [IceServer] {
        let username = Self.username(channelARN, expiry: now + Self.lifetime)
        let password = Self.password(of: username, secret: secret())
        let there = turn.filter(isThere)
        let uris = turn.isEmpty ? [["stun:\(host):\(stunPort())"]] : (there.isEmpty ? turn : there).map(\.uris)
        return uris.map { IceServer(password: password, ttl: Self.lifetime, uris: $0, username: username) }
    }

    /// When it expires, and what of, as the service writes it. Clients take 256 characters, and an ARN may have more.
    static func username(_ channelARN: String, expiry: Int) -> String {
        let name = "\(expiry):" + Data("v1:\(channelARN)".utf8).base64EncodedString()
        guard name.utf8.count > 256 else { return name }
        let digest = SHA256.hash(data: Data(channelARN.utf8)).prefix(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(expiry):" + Data("v2:\(digest)".utf8).base64EncodedString()
    }

    /// Draft "A REST API For Access To TURN Services", section 2.2.
    static func password(of username: String, secret: String) -> String {
        let code = HMAC<Insecure.SHA1>.authenticationCode(for: Data(username.utf8), using: SymmetricKey(data: Data(secret.utf8)))
        return Data(code).base64EncodedString()
    }
}

extension SignalingPlane {
    var getIceServerConfig: RoutedOperation {
        request(GetIceServerConfig.self, .getIceServerConfig, \.channelARN) { plane, input, key, caller throws(OperationError) in
            try await plane.requireChannel(key)
            guard let host = caller.host else {
                throw OperationError(
                    .invalidArgument, "The request has no Host header, and the servers are told by the host that was called.")
            }
            let now = Int(Date().timeIntervalSince1970)
            return GetIceServerConfig.Output(iceServerList: plane.servers.list(for: input.channelARN, host: host, now: now))
        }
    }

    /// An operation on a channel that a request names by its ARN.
    func request<Of: Operation>(
        _ operation: Of.Type, _ id: OperationID, _ arn: @escaping @Sendable (Of.Input) -> String, waits: Bool = false,
        _ answer: @escaping @Sendable (SignalingPlane, Of.Input, ResourceKey, Caller) async throws(OperationError) -> Of.Output
    ) -> RoutedOperation {
        RoutedOperation(id.contract.route, name: id.rawValue, id: id, payload: .document, isMutation: id.isMutation, waits: waits) {
            [self] input, caller throws(OperationError) in
            let decoded = try Of.decode(input.body)
            var access = Access(.signaling, id.rawValue)
            let key = Result { () throws(OperationError) in try channel(arn(decoded), caller, &access) }
            return RequestedCall(access) { [self] () throws(OperationError) in
                let key = try key.get()
                return RoutedCall(
                    resourceName: key.name,
                    answer: .bytes { [self] () async throws(OperationError) in
                        Of.encode(try await answer(self, decoded, key, caller))
                    })
            }
        }
    }

    /// Refuses a channel that is not there or about to go.
    func requireChannel(_ key: ResourceKey) async throws(OperationError) {
        let found: ChannelRecord?
        do throws(Store.Failure) { found = try await store.channel(key) } catch { throw OperationError(error) }
        guard let found, found.status != .deleting else { throw .channelNotFound }
    }
}

extension Caller {
    /// The host that the client called, without scheme and port.
    fileprivate var host: String? {
        guard let origin, let start = origin.firstRange(of: "://")?.upperBound else { return nil }
        let host = origin[start...]
        if host.hasPrefix("[") { return host.firstIndex(of: "]").map { String(host[...$0]) } }
        return String(host.prefix { $0 != ":" })
    }
}
