import Contract
import Identity
import NIOHTTP1
import Planes
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
        let isStopping = Atomic(false)
    }

    static let masterKey = Array(UInt8(0)..<32)

    static func with(
        _ engine: Engine = .sqlite, quota: Int64 = .max, durations: MinimumDurations = .init(), endpoints: AdvertisedEndpoints = .init(),
        notifications: NotificationRules = .init(), patience: Duration = .zero, _ body: (Plane) async throws -> Void
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let hints = Hints()
            var control = ControlPlane(
                store: store,
                rules: ServiceRules(
                    streamQuota: quota, channelQuota: { _ in quota }, minimumDurations: durations,
                    edgeTimeout: Plane.edgeTimeout, endpoints: endpoints, notifications: notifications),
                masterKey: try #require(MasterKey(masterKey)), isStopping: { hints.isStopping.load(ordering: .relaxed) },
                committed: { if $0 == .task { hints.count.add(1, ordering: .relaxed) } })
            control.patience = patience
            try await body(Plane(database: database, faults: faults, store: store, control: control, hints: hints))
        }
    }

    /// The documented one, in milliseconds.
    static let edgeTimeout: Int64 = 15 * 60 * 1000

    /// How often the rules said that a task waits.
    var hintCount: Int { hints.count.load(ordering: .relaxed) }

    /// Asks the instance to stop.
    func stop() { hints.isStopping.store(true, ordering: .relaxed) }

    /// How often the database was asked for anything.
    var callCount: Int { faults.reads.count + faults.writes.count }

    /// The body of a successful answer.
    func call(_ id: OperationID, _ json: String, _ caller: Caller = .test()) async throws -> String {
        String(decoding: try await ready(id, json, caller).perform(), as: UTF8.self)
    }

    /// The call, if it is sound and its caller may make it.
    func ready(_ id: OperationID, _ json: String, _ caller: Caller = .test()) async throws -> RoutedCall {
        let prepared = try Array(json.utf8).withUnsafeBytes { try control.prepare(id, $0, caller) }
        try await Authorizer(store: store).authorize(caller, prepared.access)
        return try prepared.checked()
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

    /// The channel, ACTIVE.
    func activeChannel(_ name: String = "door") async throws -> ChannelRecord {
        let channel = try await store.createActiveChannel(name)
        faults.reset()
        return channel
    }

    /// The stream, ACTIVE, with an edge configuration in a status.
    func edge(_ status: EdgeStatus, _ name: String = "gate", hub: String = Fixture.hub) async throws -> EdgeRecord {
        _ = try await store.createActive(name)
        try await store.startEdge(name, hub: hub, configuration: Wire.edgeConfig(hub: hub))
        try database.setEdgeStatus(status.rawValue)
        let found = try #require(try await store.edgeConfiguration(.named(name)))
        faults.reset()
        return found
    }

    func setStatus(_ status: ResourceStatus, of kind: ResourceKind = .stream) throws(DatabaseError) {
        try database.execute("UPDATE \(kind) SET status = '\(status.rawValue)'")
    }
}

extension ControlPlane {
    /// The call, as the gateway has it prepared.
    func prepare(_ id: OperationID, _ body: UnsafeRawBufferPointer, _ caller: Caller) throws -> RequestedCall {
        let operation = try #require(operations.first { $0.id == id })
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: id.contract.route.path)
        return try operation.prepare(CallInput(head: head, body: body), caller)
    }
}

extension RoutedCall {
    /// Makes the call; returns the body of the answer.
    func perform() async throws -> [UInt8] {
        guard case .bytes(let perform) = answer else { throw OperationError(.internalFailure, "The answer is a stream.") }
        return try await perform()
    }
}

/// What goes over the wire in many tests.
enum Wire {
    /// The stream `gate` and the channel `door`, as they are created while the clock stands still.
    static let streamARN = arn(.stream, "gate")
    static let channelARN = arn(.channel, "door")
    /// What no message and no log line may repeat.
    static let secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:camera-of-the-gate"

    static func arn(
        _ kind: ResourceKind, _ name: String, account: String = Fixture.account, region: String = Fixture.region,
        time: Int64 = TestClock.start
    ) -> String {
        "arn:aws:kinesisvideo:\(region):\(account):\(kind)/\(name)/\(time)"
    }

    /// An EdgeConfig as the API writes it, with the schedules of recorder and uploader that are given.
    static func edgeConfig(hub: String = Fixture.hub, recorder: String? = nil, uploader: String? = nil) -> String {
        func schedule(_ expression: String) -> String {
            #""ScheduleConfig":{"DurationInSeconds":600,"ScheduleExpression":"\#(expression)"}"#
        }
        let source = #""MediaSourceConfig":{"MediaUriSecretArn":"\#(secret)","MediaUriType":"RTSP_URI"}"#
        return #"{"HubDeviceArn":"\#(hub)","RecorderConfig":{\#(source)\#(recorder.map { "," + schedule($0) } ?? "")}"#
            + (uploader.map { #","UploaderConfig":{\#(schedule($0))}"# } ?? "") + "}"
    }

    /// The values of a member that holds a string, in their order.
    static func values(_ member: String, in answer: String) throws -> [String] {
        answer.matches(of: try Regex("\"\(member)\":\"([^\"]*)\"", as: (Substring, Substring).self)).map { String($0.1) }
    }
}

extension Caller {
    static func test(
        account: String = Fixture.account, region: String = Fixture.region, reach: Principal.Reach = .account, invocation: String? = nil,
        origin: String? = "https://here:8443"
    ) -> Caller {
        Caller(
            principal: Principal(account: account, keyID: "AKIATEST", reach: reach), region: region, requestID: "request",
            invocation: invocation.map { Invocation(id: $0, hash: "hash") }, origin: origin)
    }

    /// The agent of a thing.
    static func agent(_ hub: String = Fixture.hub) -> Caller { .test(reach: .thing(hub)) }
}
