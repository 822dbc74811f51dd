import Contract
import Identity
import NIOCore
import NIOHTTP1
import Planes
import Store

/// Where WebSockets of signaling are opened. Clients that keep the path of the endpoint that they were told come to `/master` or `/viewer`; the others
/// ask for `/`, and are told apart by the host or by whether they have a ClientId.
enum ConnectRoute: String, CaseIterable {
    case any = "/"
    case master = "/master"
    case viewer = "/viewer"

    /// How the log calls it.
    var name: String {
        switch self {
        case .any: "Connect"
        case .master: ChannelRole.master.connectAction
        case .viewer: ChannelRole.viewer.connectAction
        }
    }

    /// As what the client of a request connects.
    func role(_ input: CallInput) -> ChannelRole {
        switch self {
        case .master: return .master
        case .viewer: return .viewer
        case .any:
            // The endpoints of the service are called m-xxxxxxxx and v-xxxxxxxx, and masters of the Python samples send a ClientId too.
            let host = input.header("host")?.lowercased() ?? ""
            if host.hasPrefix("m-") { return .master }
            if host.hasPrefix("v-") { return .viewer }
            let client = input.query("X-Amz-ClientId") ?? ""
            return client.isEmpty || client == "MASTER" ? .master : .viewer
        }
    }
}

extension SignalingPlane {
    func connect(_ route: ConnectRoute) -> RoutedOperation {
        RoutedOperation(.get(route.rawValue), name: route.name, id: nil, api: .signaling, payload: .socket, isMutation: false) {
            [self] input, caller throws(OperationError) in
            let role = route.role(input)
            guard let arn = input.query("X-Amz-ChannelARN"), !arn.isEmpty else {
                throw OperationError(.invalidArgument, "X-Amz-ChannelARN is required in the query: the ARN of the channel to connect to.")
            }
            var access = Access(.signaling, role.connectAction)
            let key = Result { () throws(OperationError) in try channel(arn, caller, &access) }
            let client = input.query("X-Amz-ClientId")
            let offersProtocol = input.head.headers.contains(name: "sec-websocket-protocol")
            return RequestedCall(access) { [self] () throws(OperationError) in
                let key = try key.get()
                let client = role == .master ? "" : try viewer(client)
                return RoutedCall(
                    resourceName: key.name,
                    answer: .socket { [self] () async throws(OperationError) in
                        try await open(key, role, client, caller, offersProtocol: offersProtocol)
                    })
            }
        }
    }

    /// The channel that an ARN means. What the caller must be allowed to reach is added to `access`.
    func channel(_ arn: String, _ caller: Caller, _ access: inout Access) throws(OperationError) -> ResourceKey {
        guard arn.utf8.count <= 1024, let parts = ARN(arn), parts.service == "kinesisvideo", let (name, creationTime) = parts.channel else {
            throw OperationError(.invalidArgument, "ChannelARN \(arn.prefix(300)) is not the ARN of a channel.")
        }
        access.resources.append(.arn(arn))
        guard parts.region == caller.region, parts.partition == Partition.of(caller.region) else {
            throw OperationError(
                .invalidArgument,
                "ChannelARN \(arn.prefix(300)) is not of the region \(caller.region), which the request was signed for: call the channel's own region."
            )
        }
        return ResourceKey(.channel, account: caller.account, region: caller.region, name: name, creationTime: creationTime)
    }

    /// What a viewer is called: never nothing, which is the master's name.
    private func viewer(_ client: String?) throws(OperationError) -> String {
        guard let client else {
            throw OperationError(.invalidArgument, "X-Amz-ClientId is required in the query of a viewer: an id of its own in the channel.")
        }
        guard client.isClientID, !client.uppercased().hasPrefix("AWS_") else {
            throw OperationError(
                .invalidArgument,
                "X-Amz-ClientId must be 1 to 256 of [a-zA-Z0-9_.-], and not begin with AWS_, which the service keeps for itself.")
        }
        return client
    }

    private func open(
        _ key: ResourceKey, _ role: ChannelRole, _ client: String, _ caller: Caller, offersProtocol: Bool
    ) async throws(OperationError) -> AdmittedSocket {
        guard admits(role, to: key) else {
            throw OperationError(.clientLimitExceeded, "Limit exceeded on number of connections for channel '\(key.name)'")
        }
        let channel = retain(key)
        do throws(OperationError) {
            let socket = SignalingSocket(limits, offersProtocol: offersProtocol)
            let peer = SignalingPeer(
                newSession(), Presence(channel: key, client: client, session: Token.random()), channel, socket,
                origin: ConnectionOrigin(keyID: caller.keyID, requestID: caller.requestID))
            socket.connected(as: peer)
            _ = try await channel.connect(peer)
            return AdmittedSocket(socket, rules)
        } catch {
            release(channel)
            throw error
        }
    }

    private var rules: SocketRules {
        SocketRules(
            messageLimit: limits.message, silence: limits.silence,
            // Not all that were opened together are closed together.
            longest: limits.longest.map { .nanoseconds(Int64(Double($0.nanoseconds) * .random(in: 0.95...1.05))) },
            ping: limits.ping, grace: limits.grace)
    }
}

extension ARN {
    /// The name and time of creation of a channel; nil where it is the ARN of something else.
    fileprivate var channel: (name: String, creationTime: Int64)? {
        let path = resource.split(separator: "/", omittingEmptySubsequences: false)
        guard path.count == 3, path[0] == "channel", Pattern.resourceName.matches(String(path[1])),
            !path[2].isEmpty, path[2].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        // A time that no ARN of ours has matches no channel.
        return (String(path[1]), Int64(path[2]).flatMap { String($0) == path[2] ? $0 : nil } ?? -1)
    }
}
