import Contract
import SQL
import Store

extension CreateStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> StreamSubject {
        try StreamSubject(name: input.streamName, arn: nil, caller, .createStream)
    }

    static func answer(_ input: Input, _ subject: StreamSubject, _ call: Call) async throws(OperationError) -> Output {
        let retention = input.dataRetentionInHours ?? 0
        guard retention <= 87_600 else {
            throw OperationError(
                .invalidArgument, "DataRetentionInHours is \(retention), which is more than 87600, the most that is possible.")
        }
        if let kmsKeyID = input.kmsKeyID, kmsKeyID.utf8.contains(0) {
            throw OperationError(.invalidArgument, "KmsKeyId must not contain the character U+0000.")
        }
        let caller = call.caller
        let partition = ResourceARN.partition(of: caller.region)
        let new = NewStream(
            key: subject.key,
            arnPrefix: "arn:\(partition):kinesisvideo:\(caller.region):\(caller.account):stream/\(input.streamName)/",
            version: Token.random(), deviceName: input.deviceName, mediaType: input.mediaType,
            kmsKeyID: input.kmsKeyID ?? "arn:\(partition):kms:\(caller.region):\(caller.account):alias/aws/kinesisvideo",
            dataRetentionInHours: Int64(retention),
            defaultStorageTier: (input.streamStorageConfiguration?.defaultStorageTier ?? .hot).rawValue,
            tags: try TagRecord.records(input.tags ?? []))
        let rules = call.plane.rules
        let creation: Store.Creation
        do throws(DatabaseError) {
            creation = try await call.plane.store.createStream(
                new, quota: rules.streamQuota, activationDelay: rules.minimumDurations.creating, call.change())
        } catch {
            throw OperationError(error)
        }
        switch creation {
        case .created(let arn):
            call.plane.workIsWaiting()
            return Output(streamARN: arn)
        case .nameInUse:
            throw OperationError(
                .resourceInUse,
                "The stream \(input.streamName) already exists in this account and region. A deleted stream's name is free once it is gone."
            )
        case .quotaReached:
            throw OperationError(
                .accountStreamLimitExceeded,
                "The account has \(rules.streamQuota) streams in \(caller.region), as many as it may have: delete some or have the quota raised."
            )
        }
    }
}
