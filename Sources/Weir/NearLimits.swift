import AsyncHTTPClient
import ControlPlane
import FoundationEssentials
import NIOCore
import NIOSSL
import Settings
import Store

/// How much of a limit somebody has used.
struct NearLimits {
    let what: String
    let whose: String
    let used: Int64
    let allowed: Int64

    var row: [String] { [what, whose, "\(used)", "\(allowed)"] }

    /// Whether it is near: four fifths of it.
    private var isNear: Bool { used >= Self.notice(allowed) }

    private static func notice(_ limit: Int64) -> Int64 { limit - limit / 5 }

    /// All that are near, accounts before instances.
    static func find(
        in store: Store, _ configuration: ServerConfiguration, _ pages: [String: InstancePage]
    ) async throws -> [NearLimits] {
        let all =
            try await waiting(in: store, configuration) + resources(in: store, configuration.rules)
            + destinations(in: store, configuration) + instances(pages)
        return all.filter(\.isNear)
    }

    private static func waiting(in store: Store, _ configuration: ServerConfiguration) async throws -> [NearLimits] {
        let limit = configuration.outboxLimit
        return try await store.waitingEventsOfAccounts(atLeast: notice(limit), countedTo: limit).sorted { $0.key < $1.key }
            .map { NearLimits(what: "events that wait", whose: $0.key, used: $0.value, allowed: limit) }
    }

    private static func resources(in store: Store, _ rules: ServiceRules) async throws -> [NearLimits] {
        var found: [NearLimits] = []
        var last: AccountUsage?
        repeat {
            let page = try await store.usage(after: last, limit: 1000)
            for usage in page {
                let whose = "\(usage.account) in \(usage.region)"
                found.append(NearLimits(what: "streams", whose: whose, used: usage.streams, allowed: rules.streamQuota))
                found.append(NearLimits(what: "channels", whose: whose, used: usage.channels, allowed: rules.channelQuota(usage.region)))
            }
            last = page.count == 1000 ? page.last : nil
            // A quota of none is near for everybody.
            found.removeAll { !$0.isNear || $0.used == 0 }
        } while last != nil
        return found
    }

    private static func destinations(in store: Store, _ configuration: ServerConfiguration) async throws -> [NearLimits] {
        let owners = try await store.destinations(counting: 0).filter { $0.origin == .stream }
            .map { "\($0.account ?? "") in \($0.region ?? "")" }
        return Dictionary(grouping: owners) { $0 }.sorted { $0.key < $1.key }.map { owner, all in
            NearLimits(
                what: "notification destinations", whose: owner, used: Int64(all.count),
                allowed: configuration.notifications.destinationLimit)
        }
    }

    private static func instances(_ pages: [String: InstancePage]) -> [NearLimits] {
        pages.sorted { $0.key < $1.key }.flatMap { id, page in
            InstancePage.Limit.allCases.compactMap { limit in
                page.values(of: limit).map { used, allowed in
                    NearLimits(what: limit.rawValue, whose: "instance \(id)", used: used, allowed: allowed)
                }
            }
        }
    }
}

/// The page `/metrics` of an instance.
struct InstancePage {
    /// What an instance shows as used and allowed.
    enum Limit: String, CaseIterable {
        case connections
        case files = "open files"
        case requests = "bytes of large requests"
        case answers = "bytes of large answers"
        case sockets = "sockets of deliveries"

        fileprivate var series: (used: String, allowed: String) {
            switch self {
            case .connections: ("weir_connections_open", "weir_connections_limit")
            case .files: ("process_open_fds", "process_max_fds")
            case .requests: (#"weir_held_bytes{of="requests"}"#, #"weir_held_limit_bytes{of="requests"}"#)
            case .answers: (#"weir_held_bytes{of="answers"}"#, #"weir_held_limit_bytes{of="answers"}"#)
            case .sockets: ("weir_delivery_sockets", "weir_delivery_sockets_limit")
            }
        }
    }

    private var series: [Substring: Double] = [:]

    private init(_ text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            series[line[..<space]] = Double(line[line.index(after: space)...])
        }
    }

    /// How much of a limit is used and how much is allowed; nil where the page does not tell.
    func values(of limit: Limit) -> (used: Int64, allowed: Int64)? {
        let (used, allowed) = limit.series
        guard let used = series[used[...]].flatMap({ Int64(exactly: $0) }),
            let allowed = series[allowed[...]].flatMap({ Int64(exactly: $0) })
        else { return nil }
        return (used, allowed)
    }

    /// Such as `12 of 9984`.
    func text(_ limit: Limit) -> String? { values(of: limit).map { "\($0) of \($1)" } }

    /// The pages of the instances that are alive and can be reached, by the instances' ids.
    static func read(of instances: [InstanceRecord], _ configuration: ServerConfiguration) async -> [String: InstancePage] {
        let alive = instances.filter(\.isAlive)
        let here = alive.filter { $0.host == ProcessInfo.processInfo.hostName }
        var pages: [String: InstancePage] = [:]
        for instance in alive {
            // An address of its own, or where this configuration has an instance listen, if there is one here only.
            guard let endpoint = instance.address ?? (here.map(\.id) == [instance.id] ? configuration.localEndpoint : nil) else { continue }
            pages[instance.id] = await read(endpoint, isOwn: instance.address == nil, configuration)
        }
        return pages
    }

    private static func read(_ endpoint: String, isOwn: Bool, _ configuration: ServerConfiguration) async -> InstancePage? {
        var tls = TLSConfiguration.makeClientConfiguration()
        if isOwn, let own = configuration.tls {
            // The certificate is for the name that clients use.
            tls.additionalTrustRoots = [.file(own.certificate)]
            tls.certificateVerification = .noHostnameVerification
        }
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls, timeout: .init(connect: .seconds(2))))
        let text = try? await client.execute(HTTPClientRequest(url: endpoint + "/metrics"), timeout: .seconds(2)).body.collect(
            upTo: 4 << 20)
        try? await client.shutdown()
        return text.map { InstancePage(String(buffer: $0)) }
    }
}
