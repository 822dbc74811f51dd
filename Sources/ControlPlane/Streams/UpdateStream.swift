import Contract
import SQL
import Store

extension UpdateStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .updateStream)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        try await call.update(
            subject,
            StreamUpdate(
                expectedVersion: input.currentVersion, newVersion: Token.random(), deviceName: input.deviceName, mediaType: input.mediaType)
        )
    }
}

extension Call {
    /// Updates an ACTIVE stream of the expected version, and sees to it that it becomes ACTIVE again.
    func update(_ subject: ResourceSubject, _ update: StreamUpdate) async throws(OperationError) {
        try await change(subject, .updateAccepted, expectedVersion: update.expectedVersion) { change throws(DatabaseError) in
            try await plane.store.updateStream(subject.key, update, activationDelay: plane.rules.minimumDurations.updating, change)
        }
        plane.workIsWaiting()
    }
}
