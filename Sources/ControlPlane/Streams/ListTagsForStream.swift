import Contract
import SQL
import Store

extension ListTagsForStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> StreamSubject {
        try StreamSubject(name: input.streamName, arn: input.streamARN, caller, .listTagsForStream, wrongForm: .invalidResourceFormat)
    }

    static func answer(_ input: Input, _ subject: StreamSubject, _ call: Call) async throws(OperationError) -> Output {
        // The tags of a stream fit one page, so no token was ever given out.
        _ = try call.plane.pageTokens.last(in: input.nextToken, filter: subject.key.name, call)
        do throws(DatabaseError) {
            if let found = try await call.plane.store.tags(subject.key) {
                return Output(nextToken: nil, tags: found.tags.map { MapEntry(key: $0.key, value: $0.value) })
            }
        } catch {
            throw OperationError(error)
        }
        throw .streamNotFound
    }
}
