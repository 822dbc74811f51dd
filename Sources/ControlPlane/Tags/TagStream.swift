import Contract

extension TagStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .tagStream, wrongForm: .invalidResourceFormat)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        try await call.setTags(subject, input.tags.map { ($0.key, $0.value) })
    }
}
