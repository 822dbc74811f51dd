import SQL
import Store

extension Creation {
    /// The creation's end in a word, for comparison; a created stream's ARN is not in it.
    var word: String {
        switch self {
        case .created: "created"
        case .nameInUse: "name in use"
        case .quotaReached: "quota reached"
        }
    }

    /// The ARN of what was created.
    var arn: String? {
        switch self {
        case .created(let arn): arn
        case .nameInUse, .quotaReached: nil
        }
    }
}

extension ResourceChange {
    /// The change's end in a word or two, for comparison.
    var word: String {
        switch self {
        case .accepted: "accepted"
        case .notFound: "not found"
        case .refused(let stream): "refused: \(stream.status.rawValue)"
        case .retentionOutOfRange(let stream): "retention out of range: \(stream.dataRetentionInHours)"
        case .tooManyTags: "too many tags"
        case .tooManyDestinations: "too many destinations"
        }
    }
}

extension Store.MediaStorageChange {
    /// The change's end in a word or two, for comparison.
    var word: String {
        switch self {
        case .accepted: "accepted"
        case .channelNotFound: "channel not found"
        case .streamNotFound: "stream not found"
        case .refused(let channel, let stream): "refused: \(channel.status.rawValue), \(stream.status.rawValue)"
        case .streamInUse: "stream in use"
        }
    }
}

extension Store.EdgeChange {
    /// The change's end in a few words, for comparison.
    var word: String {
        switch self {
        case .accepted: "accepted"
        case .streamNotFound: "stream not found"
        case .refused(let stream, let configuration): "refused: \(stream.status.rawValue), \(configuration?.status.rawValue ?? "none")"
        }
    }
}

extension Store {
    /// The types of what happened to a resource, each with the status after it, in order; only if the sequence numbers have no gap.
    func history(_ arn: String) async throws -> [String] {
        let events = try await events(of: arn)
        guard events.map(\.sequence) == events.indices.map({ Int64($0) + 1 }) else {
            return ["a gap: \(events.map(\.sequence))"]
        }
        return events.map { "\($0.type) \($0.status)" }
    }

    /// The tags of a resource as `key=value`, in the order of the answer.
    func tagList(_ key: ResourceKey) async throws -> [String]? {
        try await tags(key)?.tags.map { "\($0.key)=\($0.value)" }
    }
}
