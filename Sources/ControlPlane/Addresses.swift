import Contract
import Identity

extension Call {
    /// An advertised address, as this caller is to be told it. Echoed for a web socket, it has the scheme of one: ws or wss.
    func address(_ address: AdvertisedEndpoints.Address, webSocket: Bool = false) throws(OperationError) -> String {
        switch address {
        case .fixed(let url): return url
        case .echo:
            guard let origin = caller.origin else {
                throw OperationError(
                    .invalidArgument, "The request has no Host header, and this deployment advertises the host that was called.")
            }
            return webSocket ? "ws" + origin.dropFirst("http".count) : origin
        }
    }
}
