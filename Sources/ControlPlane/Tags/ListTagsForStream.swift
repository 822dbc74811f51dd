import Contract

extension ListTagsForStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .listTagsForStream, wrongForm: .invalidResourceFormat)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        Output(nextToken: nil, tags: try await call.tags(subject, nextToken: input.nextToken))
    }
}
