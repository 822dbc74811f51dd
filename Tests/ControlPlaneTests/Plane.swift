import Contract
import SQL
import Store
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

/// The rules on a database of their own, called as the gateway calls them.
struct Plane {
    let database: TestDatabase
    let faults: FaultInjectingDatabase
    let store: Store
    let control: ControlPlane
    private let hints: Hints

    private final class Hints: Sendable {
        let count = Atomic(0)
    }

    static let masterKey = Array(UInt8(0)..<32)

    static func with(
        _ engine: Engine = .sqlite, quota: Int64 = .max, durations: MinimumDurations = .init(), endpoints: AdvertisedEndpoints = .init(),
        _ body: (Plane) async throws -> Void
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let hints = Hints()
            let control = ControlPlane(
                store: store,
                rules: ServiceRules(
                    streamQuota: quota, channelQuota: { _ in quota }, minimumDurations: durations,
                    edgeTimeout: ServiceRules.documentedEdgeTimeout, endpoints: endpoints),
                masterKey: try #require(MasterKey(masterKey)), workIsWaiting: { hints.count.add(1, ordering: .relaxed) })
            try await body(Plane(database: database, faults: faults, store: store, control: control, hints: hints))
        }
    }

    /// How often the rules said that work waits.
    var hintCount: Int { hints.count.load(ordering: .relaxed) }

    /// The body of a successful answer.
    func call(_ id: OperationID, _ json: String, _ caller: Caller = .test()) async throws -> String {
        let prepared = try Array(json.utf8).withUnsafeBytes { try control.prepare(id, $0, caller) }
        return String(decoding: try await prepared.perform(), as: UTF8.self)
    }

    /// Why a call is refused, in an error that the operation declares or any may answer.
    func refusal(
        _ id: OperationID, _ json: String, _ caller: Caller = .test(), sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> OperationError {
        let thrown = await #expect(throws: OperationError.self, sourceLocation: sourceLocation) { try await call(id, json, caller) }
        let error = try #require(thrown, sourceLocation: sourceLocation)
        #expect((id.contract.errors + ErrorCode.common).contains(error.code), "\(error.code)", sourceLocation: sourceLocation)
        return error
    }

    /// The stream, ACTIVE.
    func active(_ name: String = "gate") async throws -> StreamRecord {
        let stream = try await store.createActive(name)
        faults.reset()
        return stream
    }

    func setStatus(_ status: StreamStatus) throws(DatabaseError) {
        try database.execute("UPDATE stream SET status = '\(status.rawValue)'")
    }
}

extension Caller {
    static func test(
        account: String = Fixture.account, region: String = Fixture.region, invocation: String? = nil, origin: String? = "https://here:8443"
    ) -> Caller {
        Caller(
            account: account, region: region, keyID: "AKIATEST", requestID: "request",
            retry: invocation.map { Change.Retry(invocationID: $0, bodyHash: "hash") }, origin: origin)
    }
}
