import Contract
import Store

extension UpdateDataRetention: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .updateDataRetention)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        let hours = Int64(input.dataRetentionChangeInHours)
        let change =
            switch input.operation {
            case .increase: hours
            case .decrease: -hours
            }
        try await call.update(
            subject, StreamUpdate(expectedVersion: input.currentVersion, newVersion: Token.random(), retentionChangeInHours: change))
    }
}
