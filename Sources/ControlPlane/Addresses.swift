public import Contract
import Crypto
public import Identity
public import Store

extension Call {
    /// An advertised address, as this caller is to be told it for a stream or channel; where it is that of an instance, of one with a role, and of the one that receives
    /// the stream of an ARN, if one does. For a web socket, it has the scheme of one: ws or wss.
    func address(
        _ address: AdvertisedEndpoints.Address, of key: ResourceKey, role: String, receiving arn: String? = nil, webSocket: Bool = false
    ) async throws(OperationError) -> String {
        try await plane.address(address, of: key, for: caller, role: role, receiving: arn, webSocket: webSocket)
    }
}

extension ControlPlane {
    /// Where archived media of a stream is, as GetDataEndpoint tells this caller.
    public func archiveAddress(of key: ResourceKey, for caller: Caller) async throws(OperationError) -> String {
        try await address(rules.endpoints.archive, of: key, for: caller, role: "archive", receiving: nil, webSocket: false)
    }

    fileprivate func address(
        _ address: AdvertisedEndpoints.Address, of key: ResourceKey, for caller: Caller, role: String, receiving arn: String?,
        webSocket: Bool
    ) async throws(OperationError) -> String {
        switch address {
        case .fixed(let url): return url
        case .echo: return try echoed(caller, webSocket: webSocket)
        case .instance:
            guard let own = try await instanceAddress(of: key, role: role, receiving: arn) else {
                return try echoed(caller, webSocket: webSocket)
            }
            return webSocket ? "ws" + own.dropFirst("http".count) : own
        }
    }

    private func echoed(_ caller: Caller, webSocket: Bool) throws(OperationError) -> String {
        guard let origin = caller.origin else {
            throw OperationError(
                .invalidArgument, "The request has no Host header, and this deployment advertises the host that was called.")
        }
        return webSocket ? "ws" + origin.dropFirst("http".count) : origin
    }

    /// The address of an instance with a role for a stream or channel: of the one that receives the stream, else one that each instance finds by
    /// itself, and when one comes or goes only what is its own moves (rendezvous hashing).
    private func instanceAddress(of key: ResourceKey, role: String, receiving arn: String?) async throws(OperationError) -> String? {
        let (all, receiver) = try await ask { store throws(Store.Failure) in
            (try await store.instances(), arn == nil ? nil : try await store.receivingInstance(of: arn ?? ""))
        }
        let able = all.filter { $0.serves(role) && $0.address != nil }
        if let receiver, let found = able.first(where: { $0.id == receiver }) { return found.address }
        return able.compactMap(\.address).max { $0.weight(for: key) < $1.weight(for: key) }
    }
}

extension String {
    /// How much this address wants a stream or channel: a number that is the same on every instance.
    fileprivate func weight(for key: ResourceKey) -> UInt64 {
        SHA256.hash(data: Array("\(self) \(key.account) \(key.region) \(key.kind.rawValue) \(key.name)".utf8))
            .prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
