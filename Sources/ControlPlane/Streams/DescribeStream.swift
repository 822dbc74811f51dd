import Contract

extension DescribeStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> StreamSubject {
        try StreamSubject(name: input.streamName, arn: input.streamARN, caller, .describeStream)
    }

    static func answer(_ input: Input, _ subject: StreamSubject, _ call: Call) async throws(OperationError) -> Output {
        Output(streamInfo: try await call.stream(subject).info)
    }
}
