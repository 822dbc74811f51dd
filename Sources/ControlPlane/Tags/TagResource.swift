import Contract

extension TagResource: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(resource: input.resourceARN, caller, .tagResource)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        try await call.setTags(subject, input.tags.map { ($0.key, $0.value) })
    }
}
