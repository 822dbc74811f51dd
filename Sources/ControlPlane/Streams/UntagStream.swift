import Contract
import SQL
import Store

extension UntagStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> StreamSubject {
        try StreamSubject(name: input.streamName, arn: input.streamARN, caller, .untagStream, wrongForm: .invalidResourceFormat)
    }

    static func answer(_ input: Input, _ subject: StreamSubject, _ call: Call) async throws(OperationError) {
        try await call.change(subject, .tagsChanged, expectedVersion: nil) { change throws(DatabaseError) in
            try await call.plane.store.removeTags(subject.key, keys: input.tagKeyList, change)
        }
    }
}
