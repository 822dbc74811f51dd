import Contract
import Identity
import Store

extension DeleteEdgeConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        let plane = call.plane
        try await call.attempt("The edge configuration of the stream \(key.name)") { () async throws(OperationError) -> Attempt<Void> in
            let outcome = try await plane.ask { store throws(Store.Failure) in
                try await store.deleteEdgeConfiguration(
                    key, revision: Token.random(), timeout: plane.rules.edgeTimeout, call.newChange())
            }
            switch outcome {
            case .accepted: return .done(())
            case .streamNotFound: throw .streamNotFound
            case .refused(let stream, let found):
                guard stream.status != .deleting else { throw .streamNotFound }
                guard let found else { throw .edgeConfigurationNotFound(key.name) }
                guard EdgeStatusMachine.next(found.status, .deletionAccepted) != .refused else { throw .edgeConfigurationBusy(found) }
                return .overtaken
            }
        }
    }
}
