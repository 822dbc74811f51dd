import Contract
import SQL
import Store

extension UpdateMediaStorageConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(channel: nil, arn: input.channelARN, caller, .updateMediaStorageConfiguration)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        let configuration = input.mediaStorageConfiguration
        var stream: ResourceSubject?
        if let arn = configuration.streamARN {
            stream = try ResourceSubject(stream: nil, arn: arn, call.caller, .updateMediaStorageConfiguration)
        }
        switch configuration.status {
        case .disabled:
            try await call.change(subject, .configured) { change throws(DatabaseError) in
                try await call.plane.store.disableMediaStorage(subject.key, change)
            }
        case .enabled:
            guard let stream else {
                throw OperationError(
                    .invalidArgument,
                    "MediaStorageConfiguration.StreamARN is required: name the stream that is to hold the channel's media.")
            }
            try await call.enableMediaStorage(subject, stream)
        }
    }
}

extension Call {
    fileprivate func enableMediaStorage(_ channel: ResourceSubject, _ stream: ResourceSubject) async throws(OperationError) {
        let streamARN = stream.arn ?? ""
        // What was not as it has to be when it was tried, but is when it is looked at, is tried again.
        for _ in 1...3 {
            let outcome = try await plane.ask { store throws(DatabaseError) in
                try await store.enableMediaStorage(channel.key, stream: stream.key, streamARN: streamARN, change())
            }
            switch outcome {
            case .accepted: return
            case .channelNotFound: throw .channelNotFound
            case .streamNotFound: throw .streamNotFound
            case .streamInUse(let other?):
                throw OperationError(
                    .resourceInUse, "The stream \(streamARN) holds the media of the channel \(other) already: disable that first.")
            case .streamInUse(nil): continue
            case .refused(let found, let foundStream):
                guard found.status == StreamStatus.active.rawValue else { throw .notActive(channel.key, status: found.status) }
                guard foundStream.status == StreamStatus.active.rawValue else {
                    throw .notActive(stream.key, status: foundStream.status)
                }
                guard foundStream.dataRetentionInHours > 0 else { throw .noDataRetention(stream.key.name, "media storage") }
                if let other = found.mediaStorageStreamARN, other != streamARN {
                    throw OperationError(
                        .resourceInUse,
                        "The channel \(found.name) stores its media in the stream \(other) already: disable that first.")
                }
            }
        }
        throw OperationError(.resourceInUse, "The channel \(channel.key.name) or its stream is being changed by others: try again.")
    }
}
