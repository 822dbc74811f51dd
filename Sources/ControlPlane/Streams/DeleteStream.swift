import Contract
import SQL
import Store

extension DeleteStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> StreamSubject {
        try StreamSubject(name: nil, arn: input.streamARN, caller, .deleteStream)
    }

    static func answer(_ input: Input, _ subject: StreamSubject, _ call: Call) async throws(OperationError) {
        let plane = call.plane
        try await call.change(subject, .deleteAccepted, expectedVersion: input.currentVersion) { change throws(DatabaseError) in
            try await plane.store.deleteStream(
                subject.key, expectedVersion: input.currentVersion, removalDelay: plane.rules.minimumDurations.deleting, change)
        }
        plane.workIsWaiting()
    }
}
