import ControlPlane
import Delivery
import FoundationEssentials
import MediaPlane
import ObjectStore
import Signing

/// Turns the texts of a configuration into values, and collects what is wrong with them: one fault must not hide the next.
struct ConfigurationChecking {
    let texts: [String: String]
    private(set) var faults: [String]

    init(texts: [String: String], faults: [String]) {
        self.texts = texts
        self.faults = faults
    }

    mutating func require(_ isRight: Bool, _ fault: String) {
        if !isRight { faults.append(fault) }
    }

    func text(_ key: String) -> String { texts[key] ?? "" }

    mutating func text(_ key: String, _ form: String, _ isRight: (String) -> Bool) -> String {
        require(isRight(text(key)), "\(key): must be \(form), not '\(text(key))'")
        return text(key)
    }

    /// nil where nothing is configured.
    func optionalText(_ key: String) -> String? {
        text(key).isEmpty ? nil : text(key)
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int64>) -> Int64 {
        let value = Int64(text(key))
        require(
            value.map(range.contains) ?? false,
            "\(key): must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text(key))'")
        return value ?? range.lowerBound
    }

    mutating func optionalInteger(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
        text(key).isEmpty ? nil : integer(key, in: range)
    }

    mutating func boolean(_ key: String) -> Bool {
        text(key, "true or false") { $0 == "true" || $0 == "false" } == "true"
    }

    mutating func audit(dataDirectory: String) -> ServerConfiguration.Audit {
        let sink = text("audit", "none, file, table or both") { ["none", "file", "table", "both"].contains($0) }
        return ServerConfiguration.Audit(
            isInFile: sink == "file" || sink == "both", isInTable: sink == "table" || sink == "both",
            file: optionalText("audit-file") ?? dataDirectory + "/audit.jsonl",
            fileBytes: Int(integer("audit-file-bytes", in: 4096...(1 << 40))),
            retention: integer("audit-retention-days", in: 1...36_500) * 86_400_000,
            refuses: text("audit-failure", "refuse or count") { $0 == "refuse" || $0 == "count" } == "refuse")
    }

    mutating func roles() -> Set<ServerConfiguration.Role> {
        let names = text("roles").split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let roles = Set(names.compactMap(ServerConfiguration.Role.init(name:)))
        require(
            !roles.isEmpty && roles.count == names.count,
            "roles: must be \(ServerConfiguration.Role.allCases.map(\.rawValue).joined(separator: ", ")) or several of them, not '\(text("roles"))'"
        )
        return roles
    }

    /// Not echoed where it is wrong: it may hold a password.
    mutating func database(dataDirectory: String) -> ServerConfiguration.DatabaseLocation {
        let text = text("database")
        if text == "sqlite" { return .sqlite(path: dataDirectory + "/weir.db") }
        if text.hasPrefix("sqlite:") { return .sqlite(path: String(text.dropFirst("sqlite:".count))) }
        require(
            text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") || text.contains("="),
            "database: must be sqlite, sqlite:PATH, postgres://... or a libpq key/value string")
        return .postgres(text)
    }

    mutating func mediaStore() -> ServerConfiguration.MediaStore? {
        let warmClass = optionalText("media-store-warm-class")
        let cacheBytes = integer("media-cache-bytes", in: 0...(.max))
        guard let text = optionalText("media-store") else { return nil }
        guard let location = BucketLocation(text) else {
            faults.append("media-store: must be s3://BUCKET, s3://BUCKET/PREFIX or file:/FOLDER, not '\(text)'")
            return nil
        }
        guard case .s3 = location else {
            return ServerConfiguration.MediaStore(location: location, s3: nil, warmClass: warmClass, cacheBytes: cacheBytes)
        }
        guard let id = optionalText("media-store-access-key-id"), let secret = optionalText("media-store-secret-access-key") else {
            faults.append("media-store: s3:// needs media-store-access-key-id and media-store-secret-access-key")
            return nil
        }
        let settings = S3Settings(
            endpoint: optionalText("media-store-endpoint"), region: optionalText("media-store-region") ?? self.text("region"),
            credentials: Credentials(accessKeyID: id, secretAccessKey: secret), caFile: optionalText("media-store-ca-file"))
        return ServerConfiguration.MediaStore(location: location, s3: settings, warmClass: warmClass, cacheBytes: cacheBytes)
    }

    mutating func images() -> ServerConfiguration.Images {
        let (id, secretFile) = (optionalText("image-store-access-key-id"), optionalText("image-store-secret-file"))
        require((id == nil) == (secretFile == nil), "image-store-access-key-id, image-store-secret-file: one needs the other")
        require(
            id != nil || optionalText("image-store-endpoint") == nil, "image-store-endpoint: needs image-store-access-key-id and its secret"
        )
        return ServerConfiguration.Images(
            folder: optionalText("image-dir"), endpoint: optionalText("image-store-endpoint"), region: optionalText("image-store-region"),
            accessKeyID: id, secretFile: secretFile, caFile: optionalText("image-store-ca-file"),
            retry: integer("image-retry-hours", in: 1...8760) * 3_600_000)
    }

    mutating func media(_ profile: LimitProfile) -> MediaSettings {
        let day: Int64 = 86_400
        var settings = MediaSettings(documented: profile == .aws)
        if let seconds = optionalInteger("put-media-seconds", in: 1...365 * day) { settings.longestConnection = seconds }
        if let seconds = optionalInteger("fragment-seconds", in: 1...day) { settings.longestFragment = seconds }
        settings.largestFragment = Int(integer("fragment-megabytes", in: 1...1024)) << 20
        settings.producerIdle = integer("put-media-idle-seconds", in: 1...day)
        let idle = integer("get-media-idle-seconds", in: 0...day)
        settings.readerIdle = idle == 0 ? nil : idle
        return settings
    }

    mutating func delivery() -> DeliverySettings {
        var networks = AddressPolicy.none
        do throws(AddressPolicy.Fault) {
            networks = try AddressPolicy(text("delivery-networks"))
        } catch {
            faults.append("delivery-networks: \(error.description)")
        }
        if let endpoint = optionalText("sns-endpoint") {
            require(
                endpoint.hasPrefix("https://") || endpoint.hasPrefix("http://"),
                "sns-endpoint: must be a URL that begins with https:// or http://, not '\(endpoint)'")
        }
        var credentials: Credentials?
        switch (optionalText("sns-access-key-id"), optionalText("sns-secret-access-key")) {
        case (let id?, let secret?):
            credentials = Credentials(
                accessKeyID: id, secretAccessKey: secret, sessionToken: optionalText("sns-session-token"))
        case (nil, nil):
            require(!boolean("lifecycle-notifications"), "lifecycle-notifications: publishing to topics needs sns-access-key-id")
        case (.some, nil), (nil, .some): faults.append("sns-access-key-id, sns-secret-access-key: one needs the other")
        }
        require(
            credentials != nil || optionalText("sns-session-token") == nil,
            "sns-session-token: needs sns-access-key-id and its secret")
        var proxy = OutgoingProxy.none
        do throws(OutgoingProxy.Fault) {
            proxy = try OutgoingProxy(environment: ProcessInfo.processInfo.environment)
        } catch {
            faults.append(error.description)
        }
        return DeliverySettings(
            networks: networks, allowsHTTP: boolean("delivery-allow-http"), caFile: optionalText("delivery-ca-file"),
            timeout: .seconds(integer("delivery-timeout-seconds", in: 1...300)), attempts: integer("delivery-attempts", in: 1...100),
            pauseAfter: integer("delivery-pause-hours", in: 1...87_600) * 60 * 60 * 1000, snsEndpoint: optionalText("sns-endpoint"),
            snsCredentials: credentials, proxy: proxy)
    }

    mutating func turnServers() -> [[String]] {
        let servers = text("turn-servers").split(separator: ";").map { server in
            server.split(separator: ",").map { $0.trimmingSpaces }
        }
        require(
            servers.count <= 5 && servers.allSatisfy { (1...4).contains($0.count) },
            "turn-servers: must be at most five servers of at most four URIs, since clients take no more")
        for uri in servers.joined() {
            require(
                (uri.hasPrefix("turn:") || uri.hasPrefix("turns:")) && uri.utf8.count <= 256 && !uri.contains(" "),
                "turn-servers: must be URIs such as turn:turn.example.com:3478?transport=udp, not '\(uri)'")
        }
        require(
            servers.isEmpty == (optionalText("turn-secret-file") == nil), "turn-servers, turn-secret-file: one needs the other")
        return servers
    }

    mutating func stunBinding() -> ServerConfiguration.STUNBinding {
        let text = text("stun-bind")
        if text.isEmpty { return .asServer }
        if text == "none" { return .none }
        let place = Self.hostAndPort(text)
        require(place != nil, "stun-bind: must be none, or an address and a port such as 0.0.0.0:3478, not '\(text)'")
        return .at(host: place?.host ?? "", port: place?.port ?? 0)
    }

    /// Where other instances are listened for, and where they are told that this one is; nil where that is nowhere.
    mutating func linkListener(host: String) -> ServerConfiguration.LinkListener? {
        let text = text("link-bind")
        guard text != "none" else { return nil }
        let place = text.isEmpty ? (host, 0) : Self.hostAndPort(text)
        require(place != nil, "link-bind: must be none, or an address and a port such as 10.0.0.11:7090, not '\(text)'")
        let address = optionalText("link-address")
        require(
            address.map { Self.hostAndPort($0).map { $0.port > 0 } ?? false } ?? true,
            "link-address: must be a host and a port such as weir-1.internal:7090, not '\(address ?? "")'")
        return ServerConfiguration.LinkListener(host: place?.host ?? "", port: place?.port ?? 0, address: address)
    }

    /// Where devices are listened for; nil where that is nowhere.
    mutating func deviceListener(isTLS: Bool) -> (host: String, port: Int)? {
        guard let text = optionalText("device-bind") else { return nil }
        let place = Self.hostAndPort(text)
        require(place != nil, "device-bind: must be an address and a port such as 0.0.0.0:7443, not '\(text)'")
        require(isTLS, "device-bind: devices come over TLS only: give tls-certificate and tls-key")
        return place
    }

    /// Reads `HOST:PORT`; an address of IPv6 is in brackets.
    private static func hostAndPort(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return host.isEmpty ? nil : (host, Int(port))
    }

    mutating func trustedProxies() -> TrustedProxies {
        guard let list = optionalText("trusted-proxies") else { return TrustedProxies() }
        let proxies = TrustedProxies(list)
        require(proxies != nil, "trusted-proxies: must be addresses, and networks such as 10.0.0.0/8, separated by commas, not '\(list)'")
        return proxies ?? TrustedProxies()
    }

    mutating func tls() -> ServerConfiguration.TLSFiles? {
        switch (optionalText("tls-certificate"), optionalText("tls-key")) {
        case (let certificate?, let key?): return ServerConfiguration.TLSFiles(certificate: certificate, key: key)
        case (nil, nil): return nil
        case (.some, nil), (nil, .some):
            faults.append("tls-certificate, tls-key: one needs the other")
            return nil
        }
    }

    /// A URL that clients are told, with the scheme of a web socket where it is one.
    /// Where clients reach this instance by itself; nil where that is nowhere.
    mutating func instanceAddress() -> String? {
        guard let text = optionalText("instance-address") else { return nil }
        let host = text.hasPrefix("https://") ? text.dropFirst(8) : text.hasPrefix("http://") ? text.dropFirst(7) : ""
        require(
            !host.isEmpty && !host.contains("/"),
            "instance-address: must be a URL that begins with https:// or http://, with host and without path, not '\(text)'")
        return text
    }

    mutating func address(_ key: String, webSocket: Bool = false) -> AdvertisedEndpoints.Address {
        let text = text(key)
        if text == "echo" { return .echo }
        if text == "instance" { return .instance }
        let (secure, plain) = webSocket ? ("wss://", "ws://") : ("https://", "http://")
        let host = text.hasPrefix(secure) ? text.dropFirst(secure.count) : text.hasPrefix(plain) ? text.dropFirst(plain.count) : ""
        let filled = webSocket ? host.replacing("{role}", with: "m") : host
        require(
            !filled.contains { "{}<>$% ".contains($0) },
            "\(key): holds '\(text)': nothing is put in place of that. For the address of the instance that has the stream write instance, and "
                + "give each instance its instance-address")
        require(
            !host.isEmpty && !host.contains("/"),
            "\(key): must be echo, instance, or a URL that begins with \(secure) or \(plain), with host and without path, not '\(text)'")
        return .fixed(text)
    }
}

extension Substring {
    /// Without spaces at its ends.
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
