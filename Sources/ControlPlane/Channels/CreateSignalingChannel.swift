import Contract
import Identity
import Store

extension CreateSignalingChannel: Rule {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        call.new(
            .channel, named: input.channelName, tags: (input.tags ?? []).map { MapEntry(key: $0.key, value: $0.value) },
            taggedBy: TagResource.contract.name)
    }

    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let type = input.channelType ?? .singleMaster
        switch type {
        case .singleMaster: break
        case .fullMesh:
            throw OperationError(.invalidArgument, "ChannelType is FULL_MESH: SINGLE_MASTER is the only type that is supported.")
        }
        let new = NewChannel(
            key: key, arnPrefix: call.caller.arnPrefix(key.kind.rawValue, name: input.channelName), version: Token.random(),
            channelType: type.rawValue, messageTtlSeconds: Int64(input.singleMasterConfiguration?.messageTtlSeconds ?? 60),
            tags: try TagRecord.records((input.tags ?? []).map { ($0.key, $0.value) }))
        let rules = call.plane.rules
        let quota = rules.channelQuota(call.caller.region)
        let creation = try await call.plane.ask { store throws(Store.Failure) in
            try await store.createChannel(new, quota: quota, activationDelay: rules.minimumDurations.creating, call.newChange())
        }
        return Output(channelARN: try call.created(creation, key, quota: quota))
    }
}
