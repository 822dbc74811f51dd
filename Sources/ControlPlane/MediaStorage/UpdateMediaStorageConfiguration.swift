import Contract
import Identity
import Store

extension UpdateMediaStorageConfiguration: Rule {
    struct Subject: CallSubject {
        let channel: ResourceKey
        /// Where the media is to be stored; nil where the call does not say.
        let stream: ResourceKey?

        var resourceName: String? { channel.name }
    }

    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> Subject {
        let channel = try call.channel(arn: input.channelARN)
        guard let streamARN = input.mediaStorageConfiguration.streamARN else { return Subject(channel: channel, stream: nil) }
        return Subject(channel: channel, stream: try call.stream(arn: streamARN))
    }

    static func answer(_ input: Input, _ subject: Subject, _ call: Call) async throws(OperationError) {
        let configuration = input.mediaStorageConfiguration
        switch configuration.status {
        case .disabled:
            try await call.commit(subject.channel, .configured) { change throws(Store.Failure) in
                try await call.plane.store.disableMediaStorage(subject.channel, change)
            }
        case .enabled:
            guard let stream = subject.stream, let streamARN = configuration.streamARN else {
                throw OperationError(
                    .invalidArgument,
                    "MediaStorageConfiguration.StreamARN is required: name the stream that is to hold the channel's media.")
            }
            try await call.enableMediaStorage(subject.channel, stream, streamARN: streamARN)
        }
    }
}

extension Call {
    fileprivate func enableMediaStorage(
        _ channel: ResourceKey, _ stream: ResourceKey, streamARN: String
    ) async throws(OperationError) {
        try await attempt("The channel \(channel.name) or its stream") { () async throws(OperationError) -> Attempt<Void> in
            let outcome = try await plane.ask { store throws(Store.Failure) in
                try await store.enableMediaStorage(channel, stream: stream, streamARN: streamARN, newChange())
            }
            switch outcome {
            case .accepted: return .done(())
            case .channelNotFound: throw .channelNotFound
            case .streamNotFound: throw .streamNotFound
            case .streamInUse(let other?):
                throw OperationError(
                    .resourceInUse, "The stream \(streamARN) holds the media of the channel \(other) already: disable that first.")
            case .streamInUse(nil): return .overtaken
            case .refused(let found, let foundStream):
                guard found.status == .active else { return .hindered(channel, status: found.status) }
                guard foundStream.status == .active else { return .hindered(stream, status: foundStream.status) }
                guard foundStream.dataRetentionInHours > 0 else { throw .noDataRetention(stream.name, "media storage") }
                if let other = found.mediaStorageStreamARN, other != streamARN {
                    throw OperationError(
                        .resourceInUse,
                        "The channel \(found.name) stores its media in the stream \(other) already: disable that first.")
                }
                return .overtaken
            }
        }
    }
}
