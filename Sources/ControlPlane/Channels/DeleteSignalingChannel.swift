import Contract

extension DeleteSignalingChannel: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(channel: nil, arn: input.channelARN, caller, .deleteSignalingChannel)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        try await call.delete(subject, expectedVersion: input.currentVersion)
    }
}
