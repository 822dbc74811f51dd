import Contract
import SQL
import Store

extension DeleteEdgeConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        let plane = call.plane
        // What was not as it has to be when it was tried, but is when it is looked at, is tried again.
        for _ in 1...3 {
            let outcome = try await plane.ask { store throws(DatabaseError) in
                try await store.deleteEdgeConfiguration(
                    key, revision: Token.random(), timeout: plane.rules.edgeTimeout, call.change())
            }
            switch outcome {
            case .accepted: return
            case .streamNotFound: throw .streamNotFound
            case .refused(let stream, let found):
                guard stream.status != StreamStatus.deleting.rawValue else { throw .streamNotFound }
                guard let found, let status = found.status else { throw .edgeConfigurationNotFound(key.name) }
                guard EdgeStatusMachine.next(status, .deletionAccepted) != .refused else { throw .edgeConfigurationBusy(found) }
            }
        }
        throw OperationError(.resourceInUse, "The edge configuration of the stream \(key.name) is being changed by others: try again.")
    }
}
