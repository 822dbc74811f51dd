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

    @usableFromInline let byPath: [Substring: [(method: Route.Method, target: Target)]]

    /// A table of these routes, which are distinct.
    @inlinable public init(_ routes: [(Route, Target)]) {
        var byPath: [Substring: [(method: Route.Method, target: Target)]] = [:]
        for (route, target) in routes {
            let path = route.path[...]
            let isNew = byPath[path]?.contains { $0.method == route.method } != true
            precondition(isNew, "\(route.method.rawValue) \(path) has two targets")
            byPath[path, default: []].append((route.method, target))
        }
        self.byPath = byPath
    }

    /// What a request with this method and path, without its query, is for. Both are compared byte by byte.
    @inlinable public func match(method: String, path: Substring) -> Match {
        // Equal strings may still be spelt with other bytes.
        guard let index = byPath.index(forKey: path), byPath.keys[index].utf8.elementsEqual(path.utf8) else { return .unknown }
        let entries = byPath.values[index]
        for entry in entries where entry.method.rawValue.utf8.elementsEqual(method.utf8) { return .found(entry.target) }
        return .otherMethod(allowed: entries.map(\.method), target: entries[0].target)
    }
}
