import Contract
import Signing

@testable import Client
@testable import EdgeAgent

/// A deployment as the API describes it, for one thing, without a server.
actor FakeDeployment: Exchange {
    struct Entry: Equatable {
        var revision: String
        var status: SyncStatus
        var details: String?
    }

    /// By the ARN of the stream.
    private(set) var entries: [String: Entry] = [:]
    /// The statuses it was told, in order.
    private(set) var statuses: [ReportEdgeAgentStatus.Input] = []
    /// The names of the operations called, in order.
    private(set) var calls: [String] = []
    /// How many calls wait for something to do.
    private(set) var waiting = 0
    /// Answers to give first, by the name of the operation.
    private var script: [String: [ReceivedAnswer]] = [:]
    /// A step before a call arrives, and one before its answer does.
    private let fuse: Fuse

    init(_ entries: [String: Entry] = [:], fuse: Fuse = Fuse()) {
        self.entries = entries
        self.fuse = fuse
    }

    func set(_ streamARN: String, _ revision: String, _ status: SyncStatus) {
        entries[streamARN] = Entry(revision: revision, status: status)
    }

    func remove(_ streamARN: String) { entries[streamARN] = nil }

    /// Answers the next calls of an operation with these errors.
    func answer(_ operation: String, with errors: [ReceivedAnswer]) { script[operation, default: []] += errors }

    static func error(_ status: Int, _ type: String?, _ body: String = #"{"Message":"why"}"#) -> ReceivedAnswer {
        ReceivedAnswer(status: status, errorType: type, body: Array(body.utf8))
    }

    nonisolated func trust(caFile: String?) throws(SettingsFault) {}

    func post(_ request: OutgoingRequest, within deadline: Duration) async throws -> ReceivedAnswer {
        guard fuse.step() else { throw Fuse.Killed() }
        let answer = try await answer(to: request)
        guard fuse.step() else { throw Fuse.Killed() }
        return answer
    }

    private func answer(to request: OutgoingRequest) async throws -> ReceivedAnswer {
        guard let operation = OperationID.allCases.first(where: { request.url == "http://weir.test/prefix" + $0.contract.route.path }),
            request.headers.contains(where: { $0.name == "Authorization" && $0.value.contains("Credential=AKID/") })
        else { return Self.error(404, "UnknownOperationException") }
        calls.append(operation.rawValue)
        if let scripted = script[operation.rawValue]?.first {
            script[operation.rawValue]?.removeFirst()
            return scripted
        }
        do throws(OperationError) {
            return ReceivedAnswer(status: 200, body: try await body(operation, request.body))
        } catch {
            return ReceivedAnswer(status: error.code.status, errorType: error.code.rawValue, body: error.body(in: .edgeAgent))
        }
    }

    private func body(_ operation: OperationID, _ body: [UInt8]) async throws(OperationError) -> [UInt8] {
        switch operation {
        case .fetchEdgeConfigurations:
            return FetchEdgeConfigurations.encode(await fetch(try Self.decode(FetchEdgeConfigurations.self, body)))
        case .acknowledgeEdgeConfiguration:
            return AcknowledgeEdgeConfiguration.encode(try acknowledge(Self.decode(AcknowledgeEdgeConfiguration.self, body)))
        case .reportEdgeConfigurationResult:
            return ReportEdgeConfigurationResult.encode(try report(Self.decode(ReportEdgeConfigurationResult.self, body)))
        case .reportEdgeAgentStatus:
            let input = try Self.decode(ReportEdgeAgentStatus.self, body)
            _ = try entry(input.streamARN)
            statuses.append(input)
            return ReportEdgeAgentStatus.encode(())
        default: throw OperationError(.accessDenied, "not for an agent")
        }
    }

    private static func decode<Called: Operation>(_ operation: Called.Type, _ body: [UInt8]) throws(OperationError) -> Called.Input {
        let decoded: Result<Called.Input, OperationError> = body.withUnsafeBytes { bytes in
            Result { () throws(OperationError) in try Called.decode(bytes) }
        }
        return try decoded.get()
    }

    private func fetch(_ input: FetchEdgeConfigurations.Input) async -> FetchEdgeConfigurations.Output {
        waiting += 1
        defer { waiting -= 1 }
        // Waits in hundredths: a test has no seconds to spare.
        var left = (input.waitTimeInSeconds ?? 0) * 100
        while true {
            let output = due(Set(input.heldConfigurations ?? []))
            if left == 0 || Task.isCancelled || !output.edgeConfigurations.isEmpty || !output.removedStreamARNs.isEmpty { return output }
            left -= 1
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func due(_ held: Set<HeldEdgeConfiguration>) -> FetchEdgeConfigurations.Output {
        let due = entries.filter { streamARN, entry in
            switch entry.status {
            case .syncing, .acknowledged, .deleting, .deletingAcknowledged: true
            case .inSync: !held.contains(HeldEdgeConfiguration(revision: entry.revision, streamARN: streamARN))
            case .syncFailed, .deleteFailed: false
            }
        }
        return FetchEdgeConfigurations.Output(
            edgeConfigurations: due.sorted { $0.key < $1.key }.prefix(1000).map {
                configuration($0.key, $0.value.revision, $0.value.status)
            },
            removedStreamARNs: held.map(\.streamARN).filter { entries[$0] == nil }.sorted())
    }

    private func acknowledge(_ input: AcknowledgeEdgeConfiguration.Input) throws(OperationError) -> AcknowledgeEdgeConfiguration.Output {
        var entry = try entry(input.streamARN, input.revision)
        switch entry.status {
        case .syncing, .acknowledged: entry.status = .acknowledged
        case .deleting, .deletingAcknowledged: entry.status = .deletingAcknowledged
        case .inSync, .syncFailed, .deleteFailed: throw OperationError(.resourceInUse, "It is \(entry.status.rawValue).")
        }
        entries[input.streamARN] = entry
        return .init(syncStatus: entry.status)
    }

    private func report(_ input: ReportEdgeConfigurationResult.Input) throws(OperationError) -> ReportEdgeConfigurationResult.Output {
        var entry = try entry(input.streamARN, input.revision)
        switch (entry.status, input.result) {
        case (.acknowledged, .succeeded), (.inSync, .succeeded): entry.status = .inSync
        case (.syncing, .failed), (.acknowledged, .failed), (.syncFailed, .failed): entry.status = .syncFailed
        case (.deleting, .failed), (.deletingAcknowledged, .failed), (.deleteFailed, .failed): entry.status = .deleteFailed
        case (.deletingAcknowledged, .succeeded):
            entries[input.streamARN] = nil
            return .init(syncStatus: nil)
        case (.syncing, .succeeded), (.deleting, .succeeded), (.syncFailed, .succeeded), (.deleteFailed, .succeeded), (.inSync, .failed):
            throw OperationError(.resourceInUse, "It is \(entry.status.rawValue).")
        }
        entry.details = input.failedStatusDetails
        entries[input.streamARN] = entry
        return .init(syncStatus: entry.status)
    }

    private func entry(_ streamARN: String, _ revision: String? = nil) throws(OperationError) -> Entry {
        guard let entry = entries[streamARN] else { throw OperationError(.streamEdgeConfigurationNotFound, "There is none.") }
        guard revision == nil || entry.revision == revision else { throw OperationError(.versionMismatch, "It is \(entry.revision).") }
        return entry
    }
}
