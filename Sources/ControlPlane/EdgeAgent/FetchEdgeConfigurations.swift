import Contract
import Identity
import Store

extension FetchEdgeConfigurations: Rule {
    /// How many configurations are read from the store, and answered, at once.
    private static let pageLimit = 1000

    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> WholeAccount {
        try call.reach(hubDeviceARN: input.hubDeviceArn)
        for held in input.heldConfigurations ?? [] {
            _ = try call.stream(arn: held.streamARN)
        }
        return WholeAccount()
    }

    /// Answers what there is at once, and waits where there is nothing.
    static func answer(_ input: Input, _ subject: WholeAccount, _ call: Call) async throws(OperationError) -> Output {
        let end = ContinuousClock.now + .seconds(input.waitTimeInSeconds ?? 0)
        // Told before what there is, so that what changes meanwhile is not missed.
        let seen = end > .now ? try await changes(input, call) : nil
        let output = try await look(input, call)
        guard output.isEmpty, end > .now, !call.plane.isStopping() else { return output }
        let thing = Polls.Thing(account: call.caller.account, region: call.caller.region, hubDeviceARN: input.hubDeviceArn)
        let waited = await call.plane.polls.wait(for: thing) { () async -> Result<Output, OperationError> in
            do throws(OperationError) {
                return .success(try await wait(until: end, output, seen: seen, input, call))
            } catch {
                return .failure(error)
            }
        }
        return try waited?.get() ?? output
    }

    /// Asks about once a second whether anything has changed, until there is something to tell, the time is over, nobody waits any more, or the
    /// instance is asked to stop.
    private static func wait(
        until end: ContinuousClock.Instant, _ found: Output, seen: Int64?, _ input: Input, _ call: Call
    ) async throws(OperationError) -> Output {
        var (output, seen) = (found, seen)
        while output.isEmpty, end > .now, !call.plane.isStopping() {
            do {
                try await Task.sleep(for: min(end - .now, .milliseconds(Int.random(in: 500...1000))))
            } catch {
                break
            }
            let changes = try await changes(input, call)
            if changes != seen { output = try await look(input, call) }
            seen = changes
        }
        return output
    }

    /// Another number than before where anything has changed for the agent. Asking costs the same whatever the agent has to do.
    private static func changes(_ input: Input, _ call: Call) async throws(OperationError) -> Int64? {
        try await call.plane.ask { store throws(Store.Failure) in
            try await store.edgeChanges(account: call.caller.account, region: call.caller.region, hubDeviceARN: input.hubDeviceArn)
        }
    }

    /// The difference between what the agent holds and what it is to hold.
    private static func look(_ input: Input, _ call: Call) async throws(OperationError) -> Output {
        var held: [String: String] = [:]
        for configuration in input.heldConfigurations ?? [] { held[configuration.streamARN] = configuration.revision }
        var toDo: [AgentEdgeConfiguration] = []
        var last: String?
        repeat {
            let after = last
            let found = try await call.plane.ask { store throws(Store.Failure) in
                try await store.edgeConfigurations(
                    account: call.caller.account, region: call.caller.region, hubDeviceARN: input.hubDeviceArn, after: after,
                    limit: pageLimit)
            }
            for record in found {
                let heldRevision = held.removeValue(forKey: record.streamARN)
                if toDo.count < pageLimit, let item = try item(record, heldRevision: heldRevision) { toDo.append(item) }
            }
            last = found.count == pageLimit ? found.last?.key.name : nil
        } while last != nil
        // Nobody has removed these from the list, so nobody knows them.
        let removed = (input.heldConfigurations ?? []).map(\.streamARN).filter { held.removeValue(forKey: $0) != nil }
        return Output(edgeConfigurations: toDo, removedStreamARNs: removed)
    }

    /// What the agent has to do for a configuration; nil where that is nothing.
    private static func item(_ record: EdgeRecord, heldRevision: String?) throws(OperationError) -> AgentEdgeConfiguration? {
        switch record.status {
        case .syncing, .acknowledged, .deleting, .deletingAcknowledged: break
        case .inSync: if heldRevision == record.revision { return nil }
        case .syncFailed, .deleteFailed: return nil
        }
        return AgentEdgeConfiguration(
            edgeConfig: try record.edgeConfig(), revision: record.revision, streamARN: record.streamARN, streamName: record.key.name,
            syncStatus: record.syncStatus)
    }
}

extension FetchEdgeConfigurations.Output {
    /// Whether there is nothing to tell.
    fileprivate var isEmpty: Bool { edgeConfigurations.isEmpty && removedStreamARNs.isEmpty }
}
