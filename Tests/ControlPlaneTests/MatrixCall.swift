import Contract
import FragmentStore
import Identity
import Logging
import MediaFormats
import NIOHTTP1
import Planes
import Store
import TestSupport
import Testing

@testable import ControlPlane
@testable import MediaPlane
@testable import SignalingPlane
@testable import TokenPlane

/// A call of an operation of any plane that succeeds as far as who calls is concerned, as the gateway has it prepared.
struct MatrixCall: Sendable, CustomTestStringConvertible {
    /// Who may make a call, besides the keys of its account.
    enum Kind: Sendable {
        /// Whom policies allow it.
        case policies
        /// The agent of the thing that it names, and no policy allows it.
        case agent
        /// Everybody who has a key.
        case everybody
        /// Who holds the token of a playback session.
        case player
        /// Users, whatever their policies say, and nobody who has temporary credentials already.
        case session
    }

    /// As policies name it.
    let action: String
    let id: OperationID?
    let route: Route
    let kind: Kind
    /// Of a control plane: its call, which knows what must be there before.
    private let sample: SampleCall?
    private let query: String
    private let headers: [(String, String)]
    private let body: String

    private init(
        _ action: String, _ route: Route, id: OperationID? = nil, kind: Kind = .policies, query: String = "",
        headers: [(String, String)] = [], body: String = ""
    ) {
        self.action = action
        self.id = id
        self.route = route
        self.kind = kind
        self.query = query
        self.headers = headers
        self.body = body
        sample = nil
    }

    private init(_ sample: SampleCall) {
        action = "kinesisvideo:\(sample.operation.rawValue)"
        id = sample.operation
        route = sample.operation.contract.route
        kind = sample.operation.api == .edgeAgent ? .agent : .policies
        self.sample = sample
        query = ""
        headers = []
        body = ""
    }

    private init(_ id: OperationID, headers: [(String, String)] = [], _ body: String) {
        self.init("kinesisvideo:\(id.rawValue)", id.contract.route, id: id, headers: headers, body: body)
    }

    var testDescription: String { "\(action) \(route.path)" }
    /// Without the service.
    var operation: String { String(action.drop { $0 != ":" }.dropFirst()) }
    var isOfVideo: Bool { action.hasPrefix("kinesisvideo:") }

    /// What is sent.
    struct Request: Sendable {
        var uri: String
        var headers: [(String, String)]
        var body: String

        /// The same about a stream and a channel that are not there.
        var aboutAbsent: Request {
            func renamed(_ text: String) -> String { text.replacing("gate", with: "lost").replacing("door", with: "lost") }
            return Request(uri: renamed(uri), headers: headers.map { ($0.0, renamed($0.1)) }, body: renamed(body))
        }
    }

    /// Sees to what must be there.
    func prepare(_ plane: Plane) async throws -> Request {
        if let sample { return Request(uri: route.path, headers: [], body: try await sample.prepare(plane)) }
        _ = try await plane.store.createActive("gate")
        _ = try await plane.store.createActiveChannel("door")
        if route == Self.tokens {
            #expect(
                try await plane.store.addRole(
                    account: Fixture.account, name: "guard", id: "AROAGUARD", trust: Self.trust(in: "arn:aws:iam::\(Fixture.account):root"),
                    longestSession: 3600) == .done)
        }
        plane.faults.reset()
        let token = kind == .player ? "SessionToken=" + (try Self.token(for: route.path)) : query
        return Request(uri: route.path + (token.isEmpty ? "" : "?" + token), headers: headers, body: body)
    }

    static func trust(in principal: String) -> String {
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"\#(principal)"}}}"#
    }

    static let role = "arn:aws:iam::\(Fixture.account):role/guard"
    private static let tokens = Route.post("/")

    private static func token(for path: String) throws -> String {
        let form: PlaybackSession.Form =
            path.hasPrefix("/dash") ? .dash : path.hasSuffix(".ts") ? .hlsTransportStream : .hlsMP4
        let session = PlaybackSession(
            form: form, stream: .named("gate", creationTime: TestClock.start), created: 0, expires: .max, mode: .live, source: .server,
            range: 0...1, discontinuity: .always, showsTimes: false, showsNumbers: false, capacity: 5)
        return try SealedTokens(try #require(MasterKey(Plane.masterKey)), for: "playback sessions").token(of: session.text)
    }

    static let all: [MatrixCall] = SampleCall.all.map { MatrixCall($0) } + media + signaling + token + players

    private static let media = [
        MatrixCall(.putMedia, headers: [("x-amzn-stream-name", "gate"), ("x-amzn-fragment-timecode-type", "ABSOLUTE")], ""),
        MatrixCall(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#),
        MatrixCall(.listFragments, #"{"StreamARN":"\#(Wire.streamARN)"}"#),
        MatrixCall(.getMediaForFragmentList, #"{"StreamName":"gate","Fragments":["1"]}"#),
        MatrixCall(
            .getClip,
            #"{"StreamARN":"\#(Wire.streamARN)","ClipFragmentSelector":{"FragmentSelectorType":"SERVER_TIMESTAMP","TimestampRange":"#
                + #"{"StartTimestamp":1,"EndTimestamp":2}}}"#),
        MatrixCall(.getHLSStreamingSessionURL, #"{"StreamName":"gate"}"#),
        MatrixCall(.getDASHStreamingSessionURL, #"{"StreamARN":"\#(Wire.streamARN)"}"#),
        MatrixCall(
            .getImages, #"{"StreamName":"gate","StartTimestamp":1,"EndTimestamp":2,"Format":"PNG","ImageSelectorType":"SERVER_TIMESTAMP"}"#),
    ]

    private static let signaling =
        [
            ("/", "ConnectAsMaster", ""), ("/", "ConnectAsViewer", "&X-Amz-ClientId=ada"), ("/master", "ConnectAsMaster", ""),
            ("/viewer", "ConnectAsViewer", "&X-Amz-ClientId=ada"),
        ].map { path, operation, client in
            MatrixCall("kinesisvideo:\(operation)", .get(path), query: "X-Amz-ChannelARN=\(Wire.channelARN)\(client)")
        } + [
            MatrixCall(.getIceServerConfig, #"{"ChannelARN":"\#(Wire.channelARN)"}"#),
            MatrixCall(
                .sendAlexaOfferToMaster, #"{"ChannelARN":"\#(Wire.channelARN)","SenderClientId":"ada","MessagePayload":"b2ZmZXI="}"#),
        ]

    private static let token = [
        ("GetCallerIdentity", Kind.everybody, ""), ("GetSessionToken", .session, ""),
        ("AssumeRole", .policies, "&RoleSessionName=ada&RoleArn=\(role)"),
    ].map { name, kind, more in
        MatrixCall("sts:\(name)", tokens, kind: kind, body: "Version=2011-06-15&Action=\(name)\(more)")
    }

    private static let players = [
        ("/hls/v1/getHLSMasterPlaylist.m3u8", "GetHLSMasterPlaylist"), ("/hls/v1/getHLSMediaPlaylist.m3u8", "GetHLSMediaPlaylist"),
        ("/hls/v1/getMP4InitFragment.mp4", "GetMP4InitFragment"), ("/hls/v1/getMP4MediaFragment.mp4", "GetMP4MediaFragment"),
        ("/hls/v1/getTSFragment.ts", "GetTSFragment"), ("/dash/v1/getDASHManifest.mpd", "GetDASHManifest"),
        ("/dash/v1/getMP4InitFragment.mp4", "GetMP4InitFragment"), ("/dash/v1/getMP4MediaFragment.mp4", "GetMP4MediaFragment"),
    ].map { path, name in MatrixCall("kinesisvideo:\(name)", .get(path), kind: .player) }
}

extension Plane {
    /// The operations of every plane, as the server offers them.
    func everyOperation() throws -> [RoutedOperation] {
        let logger = Logger.quiet
        let masterKey = try #require(MasterKey(Self.masterKey))
        // Nothing is done with media here, so that the folder is never made.
        let media = MediaPlane(
            store: FragmentStore(
                store: store, configuration: FragmentStore.Configuration(directory: "/absent", instanceID: "test"), logger: logger),
            settings: MediaSettings(documented: false), masterKey: masterKey, archiveAddress: { _, _ in "" }, logger: logger)
        let signaling = SignalingPlane(
            store: store, instance: "test", limits: .relaxed, servers: ICEServers(turn: [], secret: { "" }, stunPort: { 0 }), logger: logger
        )
        let tokens = TokenPlane(store: store, keys: AccessKeys(store: store, masterKey: masterKey))
        return control.operations + media.operations + signaling.operations + tokens.operations
    }

    /// What a call asks for.
    func requested(_ call: MatrixCall, _ request: MatrixCall.Request, _ caller: Caller = .test()) throws -> RequestedCall {
        let operation = try #require(try everyOperation().first { $0.route == call.route })
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: call.route.method.rawValue), uri: request.uri,
            headers: HTTPHeaders(request.headers))
        return try Array(request.body.utf8).withUnsafeBytes { try operation.prepare(CallInput(head: head, body: $0), caller) }
    }
}
