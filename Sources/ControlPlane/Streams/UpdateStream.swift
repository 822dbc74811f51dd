import Contract
import SQL
import Store

extension UpdateStream: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.update(
            key,
            StreamUpdate(
                expectedVersion: input.currentVersion, newVersion: Token.random(), deviceName: input.deviceName, mediaType: input.mediaType)
        )
    }
}

extension Call {
    /// Updates an ACTIVE stream of the expected version, and sees to it that it becomes ACTIVE again.
    func update(_ key: ResourceKey, _ update: StreamUpdate) async throws(OperationError) {
        try await change(key, .updateAccepted, expectedVersion: update.expectedVersion) { change throws(DatabaseError) in
            try await plane.store.updateStream(key, update, activationDelay: plane.rules.minimumDurations.updating, change)
        }
        plane.workIsWaiting()
    }
}
