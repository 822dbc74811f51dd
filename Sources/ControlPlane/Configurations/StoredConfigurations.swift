import Contract
import Identity
import Store

extension Call {
    /// The configurations of a stream in whatever status.
    func configurations(_ key: ResourceKey) async throws(OperationError) -> StreamConfigurations {
        guard let found = try await plane.ask({ store throws(Store.Failure) in try await store.configurations(key) }) else {
            throw .streamNotFound
        }
        return found
    }
}

extension JSONDocument {
    /// A document of the database, which only this program writes.
    static func stored(_ text: String) throws(OperationError) -> Self {
        guard let value = value(from: text) else {
            throw .internalFailure("a stored \(Self.self) cannot be read")
        }
        return value
    }
}
