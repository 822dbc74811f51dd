public import Contract
public import ControlPlane
public import NIOCore
public import NIOHTTP1
public import Planes

/// A method and a path that calls may have, and what becomes of such a call. Each plane lists its own.
public final class Route: Sendable {
    /// What the body of a request is to the call.
    public enum Payload: Sendable {
        /// A small document that is there as a whole before the call begins, and is part of what is signed.
        case document
        /// A stream that the call reads as it comes. The client may be silent for `silence` at most.
        case stream(silence: TimeAmount)
    }

    public let method: HTTPMethod
    public let path: String
    /// How the log and the metrics call it.
    public let name: String
    /// The operation of the contract, for rates and metrics; nil where it is none.
    public let operation: OperationID?
    public let payload: Payload
    /// Whether a call changes anything, so that one that is repeated under its invocation id is made once.
    public let isMutation: Bool
    /// Whether a call may wait for something to happen: it then ends with the client's side of the connection.
    public let waits: Bool
    /// Decodes and checks the input, without touching a store.
    let prepare: @Sendable (CallInput, Caller) throws(OperationError) -> RoutedCall

    public init(
        _ method: HTTPMethod, _ path: String, name: String, operation: OperationID?, payload: Payload, isMutation: Bool, waits: Bool = false,
        prepare: @escaping @Sendable (CallInput, Caller) throws(OperationError) -> RoutedCall
    ) {
        self.method = method
        self.path = path
        self.name = name
        self.operation = operation
        self.payload = payload
        self.isMutation = isMutation
        self.waits = waits
        self.prepare = prepare
    }
}

/// The request as a plane sees it: what its input is decoded from.
public struct CallInput {
    /// Method, target and headers.
    public let head: HTTPRequestHead
    /// The whole body of a document; empty where the body is streamed.
    public let body: UnsafeRawBufferPointer
}

/// A call that is valid, ready to be made.
public struct RoutedCall: Sendable {
    /// The three kinds of answer. A streamed one may fail with an `OperationError` until its head is out.
    public enum Answer: Sendable {
        /// Bytes: a JSON document, or nothing.
        case bytes(@Sendable () async throws(OperationError) -> [UInt8])
        /// A stream out.
        case stream(@Sendable (any ResponseWriter) async throws -> Void)
        /// A stream in and a stream out, at once.
        case exchange(@Sendable (RequestBody, any ResponseWriter) async throws -> Void)
    }

    /// The name of the one resource that the call is about, for rates per resource and the log; nil where it is about none.
    public let resourceName: String?
    public let answer: Answer

    public init(resourceName: String?, answer: Answer) {
        self.resourceName = resourceName
        self.answer = answer
    }
}

/// Finds the route of a request.
struct RouteTable: Sendable {
    private let routes: [String: [Route]]

    /// Throws away nothing: two routes of one method and path are a mistake of the program.
    init(_ routes: [Route]) {
        self.routes = Dictionary(grouping: routes, by: \.path)
        precondition(self.routes.values.allSatisfy { Set($0.map(\.method.rawValue)).count == $0.count }, "a method and path have two routes")
    }

    /// What there is at a path: routes of different methods, or nothing.
    subscript(path: Substring) -> [Route] { routes[String(path)] ?? [] }
}

extension ControlPlane {
    /// The operations of the control plane and of the edge agents.
    public var routes: [Route] {
        OperationID.allCases.map { operation in
            Route(
                .POST, operation.path, name: operation.rawValue, operation: operation, payload: .document, isMutation: operation.isMutation,
                waits: operation == .fetchEdgeConfigurations
            ) { input, caller throws(OperationError) in
                let call = try prepare(operation, input.body, caller)
                return RoutedCall(resourceName: call.resourceName, answer: .bytes(call.perform))
            }
        }
    }
}
