import Contract
import SQL
import Store

/// The stream that a call is about.
struct StreamSubject: CallSubject {
    let key: StreamKey

    var resourceName: String? { key.name }

    /// From a name, an ARN, or both, which must then mean the same stream. `wrongForm` is the error for an ARN that is not one of a stream of
    /// the caller's region. An ARN of another account is denied, whether or not there is such a stream.
    init(
        name: String?, arn: String?, _ caller: Caller, _ operation: OperationID, wrongForm: ErrorCode = .invalidArgument
    ) throws(OperationError) {
        guard let arn else {
            guard let name else {
                throw OperationError(.invalidArgument, "StreamName or StreamARN is required: name the stream by one of them.")
            }
            key = StreamKey(account: caller.account, region: caller.region, name: name)
            return
        }
        guard let parts = ResourceARN(arn), parts.type == "stream" else {
            throw OperationError(wrongForm, "StreamARN \(arn) is not the ARN of a stream.")
        }
        guard parts.account == caller.account else {
            throw OperationError(
                .accessDenied,
                "User: arn:\(ResourceARN.partition(of: caller.region)):iam::\(caller.account):user/\(caller.keyID) is not authorized to perform: "
                    + "kinesisvideo:\(operation.rawValue) on resource: \(arn)")
        }
        guard parts.region == caller.region, parts.partition == ResourceARN.partition(of: caller.region) else {
            throw OperationError(
                wrongForm,
                "StreamARN \(arn) is not of the region \(caller.region), which the request was signed for: call the stream's own region.")
        }
        if let name, name != parts.name {
            throw OperationError(.invalidArgument, "StreamName \(name) and StreamARN \(arn) mean different streams: give one of them.")
        }
        // A time that no ARN of ours has matches no stream.
        key = StreamKey(account: caller.account, region: caller.region, name: parts.name, creationTime: parts.creationTime ?? -1)
    }
}

extension OperationError {
    /// The stream does not exist or, for operations that need it so, is not active any more. The text is the real service's.
    static let streamNotFound = OperationError(.resourceNotFound, "The requested stream is not found or not active.")

    /// What the store could not do. Nothing was changed, unless the outcome of a commit is unknown, which repeating the call settles.
    init(_ error: DatabaseError) {
        switch error.kind {
        case .unavailable, .overloaded, .conflict, .outcomeUnknown:
            self.init(.serviceUnavailable, "The service is temporarily unavailable. Try again.", privateContext: error.description)
        case .constraint, .mistake:
            self.init(
                .internalFailure, "The request cannot be processed because of an internal failure.", privateContext: error.description)
        }
    }
}

extension StreamRecord {
    /// As the API shows it.
    var info: StreamInfo {
        StreamInfo(
            creationTime: Timestamp(millisecondsSinceEpoch: creationTime), dataRetentionInHours: Int(dataRetentionInHours),
            deviceName: deviceName, kmsKeyID: kmsKeyID, mediaType: mediaType, status: StreamStatus(rawValue: status), streamARN: arn,
            streamName: name, version: version)
    }

    var isDeleting: Bool { status == StreamStatus.deleting.rawValue }
}

extension Call {
    /// The stream in whatever status.
    func stream(_ subject: StreamSubject) async throws(OperationError) -> StreamRecord {
        do throws(DatabaseError) {
            if let found = try await plane.store.stream(subject.key) { return found }
        } catch {
            throw OperationError(error)
        }
        throw .streamNotFound
    }

    /// Makes a change that the stream's status and version allow or forbid, and says why where they forbid it.
    func change(
        _ subject: StreamSubject, _ event: StatusMachine.Event, expectedVersion: String?,
        _ make: (Change) async throws(DatabaseError) -> Store.StreamChange
    ) async throws(OperationError) {
        let name = subject.key.name
        // A stream that was not ACTIVE when it was tried but is when it is looked at, in the version asked for, is tried again.
        for _ in 1...3 {
            let outcome: Store.StreamChange
            do throws(DatabaseError) { outcome = try await make(change()) } catch { throw OperationError(error) }
            switch outcome {
            case .accepted:
                return
            case .notFound:
                throw .streamNotFound
            case .tooManyTags:
                throw OperationError(
                    .tagsPerResourceExceededLimit, "The stream \(name) would have more than 50 tags, the most that a stream may have.")
            case .retentionOutOfRange(let found):
                throw OperationError(
                    .invalidArgument,
                    "The retention of the stream \(name) is \(found.dataRetentionInHours) hours: the change would take it out of 0 to 87600."
                )
            case .refused(let found):
                guard let status = StreamStatus(rawValue: found.status) else { continue }
                guard StatusMachine.next(status, event) != .refused else {
                    if event == .tagsChanged { throw .streamNotFound }
                    throw OperationError(
                        .resourceInUse, "The stream \(name) is \(found.status): try again once it is ACTIVE.")
                }
                if let expectedVersion, expectedVersion != found.version {
                    throw OperationError(
                        .versionMismatch,
                        "The stream \(name) does not have the version \(expectedVersion) any more: describe it and use its present version."
                    )
                }
            }
        }
        throw OperationError(.resourceInUse, "The stream \(name) is being changed by others: try again.")
    }
}
