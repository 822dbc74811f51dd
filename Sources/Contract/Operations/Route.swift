/// How an operation is called: a method and a path.
public struct Route: Sendable, Hashable {
    /// The methods that operations are called by.
    public enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case post = "POST"
    }

    public let method: Method
    /// As it is sent: absolute, case-sensitive, without a query.
    public let path: String

    public static func get(_ path: String) -> Route { Route(method: .get, path: path) }
    public static func post(_ path: String) -> Route { Route(method: .post, path: path) }
}

/// A table of routes, each of which leads to a target.
@frozen public struct Routes<Target: Sendable>: Sendable {
    /// What a request finds.
    @frozen public enum Match: Sendable {
        case found(Target)
        /// The path is called by other methods: these, in the order in which they were declared. `target` is what the first of them leads to.
        case otherMethod(allowed: [Route.Method], target: Target)
        case unknown
    }

    @usableFromInline struct Entry: Sendable {
        @usableFromInline let route: Route
        /// Of the path.
        @usableFromInline let bytes: [UInt8]
        @usableFromInline let target: Target

        @usableFromInline init(_ route: Route, _ target: Target) {
            self.route = route
            bytes = Array(route.path.utf8)
            self.target = target
        }
    }

    /// By a hash of the path's bytes: hashing a string would look at more than its bytes.
    @usableFromInline let byHash: [UInt64: [Entry]]

    /// A table of these routes, which are distinct.
    @inlinable public init(_ routes: [(Route, Target)]) {
        precondition(Set(routes.map(\.0)).count == routes.count, "a route leads to two targets")
        byHash = Dictionary(grouping: routes.map { Entry($0, $1) }) { Self.hash($0.bytes) }
    }

    /// What a request with this method and path, without its query, is for. Both are compared byte by byte.
    @inlinable public func match(method: String, path: Substring) -> Match {
        path.utf8.withContiguousStorageIfAvailable { match(method, $0) } ?? match(method, Array(path.utf8))
    }

    @inlinable func match(_ method: String, _ path: some Collection<UInt8>) -> Match {
        guard let entries = byHash[Self.hash(path)] else { return .unknown }
        for entry in entries where entry.route.method.rawValue == method && entry.bytes.elementsEqual(path) { return .found(entry.target) }
        let others = entries.filter { $0.bytes.elementsEqual(path) }
        guard let first = others.first else { return .unknown }
        return .otherMethod(allowed: others.map(\.route.method), target: first.target)
    }

    /// FNV-1a. Paths that clients make up may collide as they like: only those of the table are kept.
    @inlinable static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
