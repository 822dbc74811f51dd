import Contract
import Store

extension UpdateStreamStorageConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .updateStreamStorageConfiguration)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        try await call.update(
            subject,
            StreamUpdate(
                expectedVersion: input.currentVersion, newVersion: Token.random(),
                defaultStorageTier: input.streamStorageConfiguration.defaultStorageTier.rawValue))
    }
}
