import Contract

extension UntagResource: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(resource: input.resourceARN, caller, .untagResource)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        try await call.removeTags(subject, keys: input.tagKeyList)
    }
}
