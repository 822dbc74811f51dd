import Contract

extension UntagStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .untagStream, wrongForm: .invalidResourceFormat)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        try await call.removeTags(subject, keys: input.tagKeyList)
    }
}
