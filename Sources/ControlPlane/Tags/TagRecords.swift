import Contract
import Identity
import Store

extension TagRecord {
    /// The tags of a request, unless one has a key that is reserved or stands there twice. Developer guide, "Tagging streams".
    static func records(_ tags: [(key: String, value: String)]) throws(OperationError) -> [TagRecord] {
        var records: [TagRecord] = []
        var keys: Set<[UInt8]> = []
        for tag in tags {
            guard !tag.key.lowercased().hasPrefix("aws:") else {
                throw OperationError(.invalidArgument, "The tag key \(tag.key) begins with aws:, which is reserved.")
            }
            // By its bytes: Swift takes canonically equivalent strings for equal.
            guard keys.insert(Array(tag.key.utf8)).inserted else {
                throw OperationError(.invalidArgument, "The tag key \(tag.key) is given twice: give each key once.")
            }
            records.append(TagRecord(key: tag.key, value: tag.value))
        }
        return records
    }
}

extension Call {
    /// All tags of the resource, in whatever status it is. They fit one page, so no token was ever given out.
    func tags(_ key: ResourceKey, nextToken: String?) async throws(OperationError) -> [MapEntry<String>] {
        _ = try plane.pageTokens.last(in: nextToken, filter: key.name, self)
        let found = try await plane.ask { store throws(Store.Failure) in TagList(try await store.tags(key)?.tags) }
        guard let tags = found.tags else { throw .notFound(key.kind) }
        return tags.map { MapEntry(key: $0.key, value: $0.value) }
    }

    func setTags(_ key: ResourceKey, _ tags: [(key: String, value: String)]) async throws(OperationError) {
        let records = try TagRecord.records(tags)
        try await commit(key, .tagsChanged) { change throws(Store.Failure) in
            try await plane.store.setTags(key, records, change)
        }
    }

    func removeTags(_ key: ResourceKey, keys: [String]) async throws(OperationError) {
        try await commit(key, .tagsChanged) { change throws(Store.Failure) in
            try await plane.store.removeTags(key, keys: keys, change)
        }
    }
}

/// The tags that were found; nil where there is no such resource.
private struct TagList {
    let tags: [TagRecord]?

    init(_ tags: [TagRecord]?) { self.tags = tags }
}
