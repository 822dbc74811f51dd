public import Contract
import Crypto
public import Identity
public import Store

extension Call {
    /// An advertised address, as this caller is to be told it for a stream or channel. For a web socket, it has the scheme of one: ws or wss.
    func address(
        _ address: AdvertisedEndpoints.Address, of key: ResourceKey, webSocket: Bool = false
    ) async throws(OperationError) -> String {
        try await plane.address(address, of: key, for: caller, webSocket: webSocket)
    }
}

extension ControlPlane {
    /// Where archived media of a stream is, as GetDataEndpoint tells this caller.
    public func archiveAddress(of key: ResourceKey, for caller: Caller) async throws(OperationError) -> String {
        try await address(rules.endpoints.archive, of: key, for: caller, webSocket: false)
    }

    fileprivate func address(
        _ address: AdvertisedEndpoints.Address, of key: ResourceKey, for caller: Caller, webSocket: Bool
    ) async throws(OperationError) -> String {
        switch address {
        case .fixed(let url): return url
        case .echo: return try echoed(caller, webSocket: webSocket)
        case .instance:
            guard let own = try await instanceAddress(of: key) else { return try echoed(caller, webSocket: webSocket) }
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

    /// The address of an instance for a stream or channel. Each instance finds the same one by itself, and when one comes or goes only what is
    /// its own moves (rendezvous hashing).
    private func instanceAddress(of key: ResourceKey) async throws(OperationError) -> String? {
        let instances = try await ask { store throws(Store.Failure) in try await store.instances() }
        return instances.filter(\.servesControlPlane).compactMap(\.address).max { $0.weight(for: key) < $1.weight(for: key) }
    }
}

extension String {
    /// How much this address wants a stream or channel: a number that is the same on every instance.
    fileprivate func weight(for key: ResourceKey) -> UInt64 {
        SHA256.hash(data: Array("\(self) \(key.account) \(key.region) \(key.kind.rawValue) \(key.name)".utf8))
            .prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
