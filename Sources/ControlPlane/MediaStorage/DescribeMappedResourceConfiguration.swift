import Contract
import Store

extension DescribeMappedResourceConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        // A stream has one channel at most, so no token was ever given out.
        _ = try call.plane.pageTokens.last(in: input.nextToken, filter: key.name, call)
        let stream = try await call.stream(key)
        let channelARN = try await call.plane.ask { store throws(Store.Failure) in try await store.mappedChannel(streamARN: stream.arn) }
        return Output(
            mappedResourceConfigurationList: channelARN.map { [MappedResourceConfigurationListItem(type: "CHANNEL", arn: $0)] } ?? [],
            nextToken: nil)
    }
}
