import Logging
import SQL
import Store
import TestSupport

@testable import Delivery

extension DeliverySettings {
    /// Loopback is allowed, without TLS.
    static func test(
        networks: String = "127.0.0.0/8,::1", allowsHTTP: Bool = true, caFile: String? = nil, timeout: Duration = .seconds(5),
        attempts: Int64 = 15
    ) throws -> DeliverySettings {
        DeliverySettings(
            networks: try AddressPolicy(networks), allowsHTTP: allowsHTTP, caFile: caFile, timeout: timeout, attempts: attempts,
            pauseAfter: 120 * 3_600_000, snsEndpoint: nil, snsCredentials: nil)
    }
}

extension Pace {
    /// Back-offs are over at once, unless the test's clock stands still for them, and looks come often.
    static let test: Pace = {
        var pace = Pace()
        pace.lookInterval = 5...10
        pace.rest = .milliseconds(1)
        pace.backoff.first = 0
        pace.grace = .milliseconds(100)
        return pace
    }()
}

extension Courier {
    /// A courier over a scripted network.
    convenience init(
        _ store: Store, _ transport: any Transport, settings: DeliverySettings? = nil, pace: Pace = .test,
        secrets: @escaping SecretSource = { _ in WebhookCredentials(secrets: []) }, logger: Logger = .quiet
    ) throws {
        let settings = try settings ?? .test()
        self.init(
            store: store, settings: settings, sender: Sender(settings, transport: transport, secrets: secrets), pace: pace, logger: logger)
    }
}

extension Store {
    /// Adds a subscription that is told of everything, but for what is said; returns its id.
    @discardableResult
    func subscribe(
        _ id: String = "all", kind: DestinationKind = .webhook, target: String? = nil, account: String? = nil, types: [String]? = nil,
        prefix: String? = nil
    ) async throws(DatabaseError) -> String {
        try await addSubscription(
            NewSubscription(
                id: id, kind: kind, target: target ?? "http://127.0.0.1/\(id)", account: account, types: types, resourcePrefix: prefix))
        return id
    }

    /// Makes `count` changes of the tags of a stream.
    func retag(_ name: String, _ count: Int = 1) async throws {
        for number in 0..<count {
            let change = try await setTags(.named(name), [TagRecord(key: "n", value: "\(number)")], .fresh("TagStream"))
            guard case .accepted = change else { throw Refused(what: "\(name) is not tagged") }
        }
    }
}

/// A change that the store did not accept.
struct Refused: Error {
    let what: String
}
