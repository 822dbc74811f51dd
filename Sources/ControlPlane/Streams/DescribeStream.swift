import Contract

extension DescribeStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .describeStream)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        Output(streamInfo: try await call.stream(subject).info)
    }
}
