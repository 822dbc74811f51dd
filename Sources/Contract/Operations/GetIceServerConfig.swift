/// Answers with the ICE servers that the peers of a channel may use.
public enum GetIceServerConfig: Operation {
    public struct Input: Sendable, NamesChannelByARN {
        public let channelARN: String
        public let clientID: String?
        public let service: IceService?
        public let username: String?
    }

    public struct Output: Sendable {
        public let iceServerList: [IceServer]

        public init(iceServerList: [IceServer]) { self.iceServerList = iceServerList }
    }

    public static let input = structure(
        "GetIceServerConfigInput", Input.init,
        required("ChannelARN", .signalingChannelARN, \.channelARN, Text.channelARNOnly),
        optional("ClientId", .clientID, \.clientID, "The peer that asks. What it gets does not depend on it."),
        optional("Service", .enumeration(IceService.self), \.service, "TURN is all there is, and what an absent one means."),
        optional("Username", .clientID, \.username, "Taken for the sake of clients that send it. It goes nowhere."))

    public static let output: Shape<Output>? = structure(
        "GetIceServerConfigOutput", Output.init,
        required(
            "IceServerList", .list(IceServer.shape), \.iceServerList,
            "At least one server: the TURN servers of the deployment, or else its own STUN responder."))

    public static let contract = OperationContract(
        of: Self.self, .signaling, .post("/v1/get-ice-server-config"), .reads,
        area: .signaling, needs: .notDeleting, rate: RequestRate(perAccount: 300, perResource: 5),
        summary: "Get the ICE servers for a channel",
        documentation: """
            Answers with the TURN servers that this deployment names, and with credentials for them that are good for five minutes: whoever has \
            allocated a relay by then keeps it. A deployment without TURN names the STUN responder of the host that was called, so the \
            list is never empty. Username and Password of a STUN server mean nothing.
            """,
        errors: [
            .accessDenied, .clientLimitExceeded, .invalidArgument, .invalidClient, .notAuthorized, .resourceNotFound, .sessionExpired,
        ],
        exampleRequest: """
            {"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421","ClientId":"phone-1","Service":"TURN"}
            """,
        exampleResponse: """
            {"IceServerList":[{"Password":"pxd0tSBTyEpBnQfMRvIXlL1rVk8=","Ttl":300,"Uris":["turn:turn.example.com:3478?transport=udp"],\
            "Username":"1705490136:djE6YXJuOmF3czpr"}]}
            """)
}

/// What ICE servers can be asked for.
public enum IceService: String, Sendable, CaseIterable {
    case turn = "TURN"
}

/// An ICE server, and how it is used.
public struct IceServer: Sendable, Hashable {
    public let password: String?
    /// Seconds.
    public let ttl: Int?
    public let uris: [String]?
    public let username: String?

    public init(password: String?, ttl: Int?, uris: [String]?, username: String?) {
        self.password = password
        self.ttl = ttl
        self.uris = uris
        self.username = username
    }

    static let shape = structure(
        "IceServer", Self.init,
        optional("Password", .string(1...256), \.password, "Goes with the user name."),
        optional("Ttl", .integer(minimum: 30, maximum: 86_400), \.ttl, "For how many seconds the credentials are good."),
        optional("Uris", .list(.string(1...256)), \.uris, "Where the server is, as RFC 7064 and RFC 7065 write it."),
        optional("Username", .string(1...256), \.username, "Begins with the time at which it expires, in seconds since the epoch."))
}
