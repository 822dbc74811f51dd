import Contract
import Store

/// The edge configuration that an agent speaks of.
struct EdgeAgentSubject: CallSubject {
    let key: ResourceKey
    let streamARN: String
    let hubDeviceARN: String

    var resourceName: String? { key.name }
}

extension Rule where Subject == EdgeAgentSubject, Input: NamesEdgeConfiguration {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> EdgeAgentSubject {
        try call.reach(hubDeviceARN: input.hubDeviceArn)
        return EdgeAgentSubject(key: try call.stream(arn: input.streamARN), streamARN: input.streamARN, hubDeviceARN: input.hubDeviceArn)
    }
}

extension Call {
    /// The configuration that the agent speaks of, which must be its own and, where a revision is given, in that revision.
    func edgeConfiguration(_ subject: EdgeAgentSubject, revision: String) async throws(OperationError) -> EdgeRecord {
        let found = try await plane.ask { store throws(Store.Failure) in
            try await store.edgeConfiguration(subject.key, streamARN: subject.streamARN)
        }
        guard let found, found.hubDeviceARN == subject.hubDeviceARN else { throw .edgeConfigurationNotFound(subject.key.name) }
        guard found.revision == revision else {
            throw OperationError(
                .versionMismatch,
                "The edge configuration of the stream \(subject.key.name) is not in the revision \(revision) any more: fetch it again.")
        }
        return found
    }

    /// Lets an event happen to the configuration that the agent speaks of. Answers the status it has now, nil where it is gone.
    func edgeEvent(
        _ event: EdgeStatusMachine.Event, details: String? = nil, _ subject: EdgeAgentSubject, revision: String
    ) async throws(OperationError) -> SyncStatus? {
        let what = "The edge configuration of the stream \(subject.key.name)"
        return try await attempt(what) { () async throws(OperationError) -> Attempt<SyncStatus?> in
            let found = try await edgeConfiguration(subject, revision: revision)
            let move: Store.EdgeMove
            switch EdgeStatusMachine.next(found.status, event) {
            case .awaiting(let next): move = .awaiting(status: next, timeout: plane.rules.edgeTimeout)
            case .settled(let next): move = .settled(status: next, details: details)
            case .gone: move = .gone
            case .known:
                if event == .acknowledged { try await extendDeadline(found) }
                return .done(found.syncStatus)
            case .refused:
                throw OperationError(
                    .resourceInUse,
                    "The edge configuration of the stream \(subject.key.name) is \(found.status.rawValue), which does not allow this.")
            }
            let isMoved = try await plane.ask { store throws(Store.Failure) in
                try await store.moveEdgeConfiguration(found, move, newChange(repeatable: false))
            }
            return isMoved ? .done(move.syncStatus) : .overtaken
        }
    }

    /// Gives the agent its time again. Where the configuration has just been changed, its time is another's matter.
    private func extendDeadline(_ found: EdgeRecord) async throws(OperationError) {
        _ = try await plane.ask { store throws(Store.Failure) in
            try await store.extendEdgeDeadline(found, timeout: plane.rules.edgeTimeout)
        }
    }
}

extension Store.EdgeMove {
    fileprivate var syncStatus: SyncStatus? {
        switch self {
        case .awaiting(let status, _), .settled(let status, _): SyncStatus(status)
        case .gone: nil
        }
    }
}

/// Refuses the character that Postgres does not keep.
func requireStorable(_ text: String?, _ member: String) throws(OperationError) {
    guard text?.utf8.contains(0) != true else {
        throw OperationError(.invalidArgument, "\(member) must not contain the character U+0000.")
    }
}
