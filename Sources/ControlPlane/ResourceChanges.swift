import Contract
import FoundationEssentials
import Identity
import Store

extension OperationError {
    /// The resource does not exist or, for operations that need it so, is not active any more. The text for streams is the real service's.
    static func notFound(_ kind: ResourceKind) -> OperationError {
        OperationError(.resourceNotFound, "The requested \(kind.rawValue) is not found or not active.")
    }

    static let streamNotFound = notFound(.stream)
    static let channelNotFound = notFound(.channel)

    static func notActive(_ key: ResourceKey, status: ResourceStatus) -> OperationError {
        OperationError(.resourceInUse, "The \(key.kind.rawValue) \(key.name) is \(status.rawValue): try again once it is ACTIVE.")
    }

    static func noDataRetention(_ streamName: String, _ what: String) -> OperationError {
        OperationError(
            .noDataRetention,
            "The stream \(streamName) has a retention of 0 hours, and \(what) needs media that is kept: raise it with UpdateDataRetention.")
    }
}

extension ControlPlane {
    /// Asks the store, whose failures become those of the API.
    func ask<Answer>(_ question: (Store) async throws(Store.Failure) -> Answer) async throws(OperationError) -> Answer {
        do throws(Store.Failure) { return try await question(store) } catch { throw OperationError(error) }
    }
}

extension Call {
    /// Makes a change that the resource's status, version and retention allow or forbid, and says why where they forbid it. `needsRetention` says
    /// what of the change needs media that is kept, if anything does.
    func commit(
        _ key: ResourceKey, _ event: StatusMachine.Event, expectedVersion: String? = nil, needsRetention what: String? = nil,
        _ make: (Change) async throws(Store.Failure) -> ResourceChange
    ) async throws(OperationError) {
        let (name, kind) = (key.name, key.kind)
        try await attempt("The \(kind.rawValue) \(name)") { () async throws(OperationError) -> Attempt<Void> in
            switch try await plane.ask({ _ async throws(Store.Failure) in try await make(newChange()) }) {
            case .accepted: return .done(())
            case .notFound: throw .notFound(kind)
            case .tooManyTags:
                plane.limits.note(.tags, caller)
                throw OperationError(
                    .tagsPerResourceExceededLimit,
                    "The \(kind.rawValue) \(name) would have more than 50 tags, the most that a \(kind.rawValue) may have.")
            case .retentionOutOfRange(let found):
                throw OperationError(
                    .invalidArgument,
                    "The retention of the stream \(name) is \(found.dataRetentionInHours) hours: the change would take it out of 0 to 87600."
                )
            case .tooManyDestinations:
                throw OperationError(
                    .invalidArgument,
                    "The streams of the account name \(plane.rules.notifications.destinationLimit) notification destinations in "
                        + "\(caller.region), as many as they may: name one of those, or disable configurations that name others. A "
                        + "destination that no stream names goes within a quarter of an hour.")
            case .refused(let found):
                guard StatusMachine.next(found.status, event) != .refused else {
                    if event == .tagsChanged { throw .notFound(kind) }
                    return .hindered(key, status: found.status)
                }
                if let expectedVersion, expectedVersion != found.version {
                    throw OperationError(
                        .versionMismatch,
                        "The \(kind.rawValue) \(name) does not have the version \(expectedVersion) any more: describe it and use its present version."
                    )
                }
                if event == .deleteAccepted, found.isMapped {
                    // The real service's text.
                    throw OperationError(.resourceInUse, "Disable MediaStorageConfiguration to delete the \(kind.rawValue)")
                }
                if let what, found.dataRetentionInHours == 0 { throw .noDataRetention(name, what) }
                return .overtaken
            }
        }
    }

    /// Updates an ACTIVE stream of the expected version, and sees to it that it becomes ACTIVE again.
    func update(_ key: ResourceKey, _ update: StreamUpdate) async throws(OperationError) {
        try await commit(key, .updateAccepted, expectedVersion: update.expectedVersion) { change throws(Store.Failure) in
            try await plane.store.updateStream(key, update, activationDelay: plane.rules.minimumDurations.updating, change)
        }
        plane.committed(.task)
    }

    /// Deletes an ACTIVE resource, of the expected version if one is given, and sees to it that it goes.
    func delete(_ key: ResourceKey, expectedVersion: String?) async throws(OperationError) {
        try await commit(key, .deleteAccepted, expectedVersion: expectedVersion) { change throws(Store.Failure) in
            try await plane.store.delete(
                key, expectedVersion: expectedVersion, removalDelay: plane.rules.minimumDurations.deleting, change)
        }
        plane.committed(.task)
    }

    /// What a creation ended with, for the caller.
    func created(_ creation: Creation, _ key: ResourceKey, quota: Int64) throws(OperationError) -> String {
        let kind = key.kind.rawValue
        switch creation {
        case .created(let arn):
            plane.committed(.task)
            return arn
        case .nameInUse(let found):
            // Whoever repeats a call whose answer was lost sees by the time whether it was this call that made it.
            let since = found?.creationTime.map { ", since " + Date(timeIntervalSince1970: Double($0) / 1000).formatted(.iso8601) } ?? ""
            throw OperationError(
                .resourceInUse,
                "The \(kind) \(key.name) already exists in this account and region\(since). A deleted \(kind)'s name is free once it is gone."
            )
        case .quotaReached:
            let code: ErrorCode =
                switch key.kind {
                case .stream: .accountStreamLimitExceeded
                case .channel: .accountChannelLimitExceeded
                }
            plane.limits.note(key.kind == .stream ? .streams : .channels, caller)
            throw OperationError(
                code,
                "The account has \(quota) \(kind)s in \(caller.region), as many as it may have: delete some or have the quota raised.")
        }
    }
}
