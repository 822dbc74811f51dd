public import Contract
public import Identity
public import NIOCore
public import NIOHTTP1

/// An operation as the gateway offers it: where it is called, and what becomes of a call. Each plane lists its own.
public final class RoutedOperation: Sendable {
    /// What the body of a request is to the call.
    public enum Payload: Sendable, Equatable {
        /// A small document that is there as a whole before the call begins, and is part of what is signed.
        case document
        /// A stream that the call reads as it comes. The client may be silent for `silence` at most. One that waits for permission to send is
        /// told `100 Continue` if `continues`; else the head of the answer, which the call is to send at once, tells it.
        case stream(silence: TimeAmount, continues: Bool = true)
        /// None: the request asks for a WebSocket, and is decided upon by its head.
        case socket
    }

    /// How requests are signed and answers written.
    public enum Service: Sendable {
        /// JSON, signed for `kinesisvideo`.
        case video
        /// The Query API, signed for `sts`: forms in, XML out.
        case tokens

        package var contentType: String {
            switch self {
            case .video: "application/json"
            case .tokens: "text/xml"
            }
        }
    }

    public let route: Route
    /// How the log calls it.
    public let name: String
    /// The operation of the contract, for rates and metrics; nil where it is none.
    public let id: OperationID?
    /// The API that it belongs to: an instance answers the calls of some. nil where every instance answers it.
    public let api: API?
    public let payload: Payload
    /// The headers, by their names in lower case, that members of the input are bound to.
    package let headersOfInput: [String]
    /// Whose protocol it is called by.
    public let service: Service
    /// Whether a call changes anything, so that one that is repeated under its invocation id is made once.
    public let isMutation: Bool
    /// Whether a call may wait for something to happen: it then ends with the client's side of the connection.
    public let waits: Bool
    /// Whom a request speaks for by the token in its query, where the route asks for one; nil where it asks for a signature.
    package let bearer: (@Sendable (CallInput) throws(OperationError) -> Bearer)?
    /// Decodes and checks the input, without touching a store.
    package let prepare: @Sendable (CallInput, Caller) throws(OperationError) -> RequestedCall

    public init(
        _ route: Route, name: String, id: OperationID?, api: API? = nil, payload: Payload, isMutation: Bool, waits: Bool = false,
        service: Service = .video,
        prepare: @escaping @Sendable (CallInput, Caller) throws(OperationError) -> RequestedCall
    ) {
        self.route = route
        self.name = name
        self.id = id
        self.api = api ?? id?.api
        self.payload = payload
        headersOfInput =
            id?.contract.input.members.compactMap { if case .header(let name) = $0.place { name.lowercased() } else { nil } } ?? []
        self.isMutation = isMutation
        self.service = service
        self.waits = waits
        bearer = nil
        self.prepare = prepare
    }

    /// A route that asks for a token in the query, and for no signature. `bearer` opens it, and has the call too.
    public init(_ route: Route, name: String, bearer: @escaping @Sendable (CallInput) throws(OperationError) -> Bearer) {
        self.route = route
        self.name = name
        id = nil
        api = nil
        payload = .document
        headersOfInput = []
        isMutation = false
        service = .video
        waits = false
        self.bearer = bearer
        prepare = { input, _ throws(OperationError) in try bearer(input).call }
    }
}

/// Whom a token speaks for, on a route that asks for no signature.
public struct Bearer: Sendable {
    public let account: String
    public let region: String
    /// Tells sessions apart, for rates; not the token itself.
    public let session: String
    /// How often the service's documentation lets a session ask for this, in a second.
    public let rate: Int
    /// What it asks for: a token is opened once.
    package let call: RequestedCall

    public init(account: String, region: String, session: String, rate: Int, call: RequestedCall) {
        self.account = account
        self.region = region
        self.session = session
        self.rate = rate
        self.call = call
    }
}

/// The request as a plane sees it: what its input is decoded from.
public struct CallInput {
    /// Method, target and headers.
    public let head: HTTPRequestHead
    /// The whole body of a document; empty where the body is streamed.
    public let body: UnsafeRawBufferPointer

    package init(head: HTTPRequestHead, body: UnsafeRawBufferPointer) {
        self.head = head
        self.body = body
    }
}

/// Members of an input that are bound to headers and the query are decoded from here.
extension CallInput: RequestHead {
    public func header(_ name: String) -> String? { head.headers.first(name: name) }

    /// Decoded as forms encode: `%` and two hexadecimal digits for a byte, `+` for a space. The first of several; what is not UTF-8 is mended.
    public func query(_ name: String) -> String? {
        let target = Array(head.uri.utf8)
        guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return nil }
        for pair in target[(mark + 1)...].split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            if parts[0].formDecoded.elementsEqual(name.utf8) {
                return parts.count > 1 ? String(decoding: parts[1].formDecoded, as: UTF8.self) : ""
            }
        }
        return nil
    }
}

/// A call whose input is well formed, and what its caller must be allowed to do.
public struct RequestedCall: Sendable {
    public let access: Access
    /// What the audit log tells of the input of an operation that has no contract: nothing secret. Nil for others.
    package let auditedInput: JSONValue?
    /// The call, once its caller is allowed to make it. Throws what is wrong with what it names: nobody else is told.
    package let checked: @Sendable () throws(OperationError) -> RoutedCall

    public init(
        _ access: Access, auditedInput: JSONValue? = nil, checked: @escaping @Sendable () throws(OperationError) -> RoutedCall
    ) {
        self.access = access
        self.auditedInput = auditedInput
        self.checked = checked
    }
}

/// A call that is valid, ready to be made.
public struct RoutedCall: Sendable {
    /// The kinds of answer. A streamed one may fail with an `OperationError` until its head is out.
    public enum Answer: Sendable {
        /// Bytes: a JSON document, or nothing.
        case bytes(@Sendable () async throws(OperationError) -> [UInt8])
        /// A document with credentials, by which others sign from then on.
        case grant(@Sendable () async throws(OperationError) -> Grant)
        /// A stream out.
        case stream(@Sendable (any ResponseWriter) async throws -> Void)
        /// A stream in and a stream out, at once.
        case exchange(@Sendable (RequestBody, any ResponseWriter) async throws -> Void)
        /// A WebSocket, of a route whose payload is `socket`. Whoever gets one is connected from then on.
        case socket(@Sendable () async throws(OperationError) -> AdmittedSocket)
    }

    /// A document with credentials, and what the audit log tells of it: nothing secret.
    public struct Grant: Sendable {
        public let document: [UInt8]
        public let audited: JSONValue

        public init(document: [UInt8], audited: JSONValue) {
            self.document = document
            self.audited = audited
        }
    }

    /// The name of the one resource that the call is about, for rates per resource and the log; nil where it is about none.
    public let resourceName: String?
    public let answer: Answer
    /// Whether bytes may be so many that they are made in turn, off the event loop. Such a call ends with the client's side of the connection.
    public let isLong: Bool

    public init(resourceName: String?, answer: Answer, isLong: Bool = false) {
        self.resourceName = resourceName
        self.answer = answer
        self.isLong = isLong
    }
}
