import Contract
import Identity
import Store

extension CreateStream: Rule {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        call.new(.stream, named: input.streamName, tags: input.tags ?? [], taggedBy: TagStream.contract.name)
    }

    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let retention = input.dataRetentionInHours ?? 0
        guard retention <= 87_600 else {
            throw OperationError(
                .invalidArgument, "DataRetentionInHours is \(retention), which is more than 87600, the most that is possible.")
        }
        if let kmsKeyID = input.kmsKeyID, kmsKeyID.utf8.contains(0) {
            throw OperationError(.invalidArgument, "KmsKeyId must not contain the character U+0000.")
        }
        let caller = call.caller
        let new = NewStream(
            key: key, arnPrefix: caller.arnPrefix(key.kind.rawValue, name: input.streamName), version: Token.random(),
            deviceName: input.deviceName, mediaType: input.mediaType,
            kmsKeyID: input.kmsKeyID
                ?? "arn:\(Partition.of(caller.region)):kms:\(caller.region):\(caller.account):alias/aws/kinesisvideo",
            dataRetentionInHours: Int64(retention),
            defaultStorageTier: (input.streamStorageConfiguration?.defaultStorageTier ?? .hot).rawValue,
            tags: try TagRecord.records((input.tags ?? []).map { ($0.key, $0.value) }))
        let rules = call.plane.rules
        let creation = try await call.plane.ask { store throws(Store.Failure) in
            try await store.createStream(
                new, quota: rules.streamQuota, activationDelay: rules.minimumDurations.creating, call.newChange())
        }
        return Output(streamARN: try call.created(creation, key, quota: rules.streamQuota))
    }
}
