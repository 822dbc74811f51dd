import Contract
import Store

extension UpdateSignalingChannel: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        guard let seconds = input.singleMasterConfiguration?.messageTtlSeconds else {
            throw OperationError(
                .invalidArgument, "SingleMasterConfiguration.MessageTtlSeconds is required: it is all that can be changed of a channel.")
        }
        let update = ChannelUpdate(
            expectedVersion: input.currentVersion, newVersion: Token.random(), messageTtlSeconds: Int64(seconds))
        let plane = call.plane
        try await call.commit(key, .updateAccepted, expectedVersion: input.currentVersion) { change throws(Store.Failure) in
            try await plane.store.updateChannel(
                key, update, activationDelay: plane.rules.minimumDurations.updating, change)
        }
        plane.committed(.task)
    }
}
