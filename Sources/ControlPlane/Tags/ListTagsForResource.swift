import Contract

extension ListTagsForResource: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(resource: input.resourceARN, caller, .listTagsForResource)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        Output(nextToken: nil, tags: try await call.tags(subject, nextToken: input.nextToken))
    }
}
