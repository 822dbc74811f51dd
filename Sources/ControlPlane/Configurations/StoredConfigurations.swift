import Contract
import SQL
import Store

extension Call {
    /// The configurations of a stream in whatever status.
    func configurations(_ subject: ResourceSubject) async throws(OperationError) -> StreamConfigurations {
        guard let found = try await plane.ask({ store throws(DatabaseError) in try await store.configurations(subject.key) }) else {
            throw .streamNotFound
        }
        return found
    }
}

/// Refuses what no address holds and Postgres cannot keep.
func refuseControlCharacters(_ uri: String) throws(OperationError) {
    guard uri.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
        throw OperationError(.invalidArgument, "DestinationConfig.Uri must not contain control characters.")
    }
}
