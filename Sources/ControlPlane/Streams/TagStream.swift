import Contract
import SQL
import Store

extension TagStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> StreamSubject {
        try StreamSubject(name: input.streamName, arn: input.streamARN, caller, .tagStream, wrongForm: .invalidResourceFormat)
    }

    static func answer(_ input: Input, _ subject: StreamSubject, _ call: Call) async throws(OperationError) {
        let tags = try TagRecord.records(input.tags)
        try await call.change(subject, .tagsChanged, expectedVersion: nil) { change throws(DatabaseError) in
            try await call.plane.store.setTags(subject.key, tags, change)
        }
    }
}

extension TagRecord {
    /// The tags of a request, unless one has a key that is reserved. Developer guide, "Tagging streams".
    static func records(_ tags: [MapEntry<String>]) throws(OperationError) -> [TagRecord] {
        var records: [TagRecord] = []
        for tag in tags {
            guard !tag.key.lowercased().hasPrefix("aws:") else {
                throw OperationError(.invalidArgument, "The tag key \(tag.key) begins with aws:, which is reserved.")
            }
            records.append(TagRecord(key: tag.key, value: tag.value))
        }
        return records
    }
}
