import FoundationEssentials

/// Where a deployment answers.
package struct Endpoint: Sendable, Equatable {
    /// Scheme, host and port, without a slash at the end.
    package let origin: String
    /// What goes before the path of an operation: empty, or a path that does not end with a slash.
    package let prefix: String
    /// The value of the `Host` header: the port is part of it unless it is the scheme's own.
    package let host: String

    package init(_ text: String) throws(SettingsFault) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let name = parts.encodedHost, !name.isEmpty, parts.query == nil, parts.fragment == nil, parts.user == nil, parts.password == nil
        else {
            throw SettingsFault("'\(text)' is not an endpoint: it must be like https://weir.example.lan or http://127.0.0.1:7080.")
        }
        let port = parts.port.flatMap { $0 == (scheme == "http" ? 80 : 443) ? nil : $0 }
        host = port.map { "\(name):\($0)" } ?? name
        origin = "\(scheme)://\(host)"
        var path = Substring(parts.percentEncodedPath)
        while path.last == "/" { path.removeLast() }
        prefix = String(path)
    }
}
