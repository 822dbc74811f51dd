import Contract
import Identity
import Store

extension ListEdgeAgentConfigurations: Rule {
    /// What a page holds at most unless the call says less. Reference, ListEdgeAgentConfigurations, MaxResults.
    private static let defaultPage = 5

    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> WholeAccount {
        try call.reach(hubDeviceARN: input.hubDeviceArn)
        return WholeAccount()
    }

    static func answer(_ input: Input, _ subject: WholeAccount, _ call: Call) async throws(OperationError) -> Output {
        let page = try await call.page(
            input.maxResults ?? defaultPage, nextToken: input.nextToken, filter: input.hubDeviceArn, name: \EdgeRecord.key.name
        ) { store, after, limit throws(Store.Failure) in
            try await store.edgeConfigurations(
                account: call.caller.account, region: call.caller.region, hubDeviceARN: input.hubDeviceArn, after: after, limit: limit)
        }
        var configurations: [ListEdgeAgentConfigurationsEdgeConfig] = []
        for found in page.rows { configurations.append(try item(found)) }
        return Output(edgeConfigs: configurations, nextToken: page.nextToken)
    }

    private static func item(_ found: EdgeRecord) throws(OperationError) -> ListEdgeAgentConfigurationsEdgeConfig {
        ListEdgeAgentConfigurationsEdgeConfig(
            creationTime: Timestamp(millisecondsSinceEpoch: found.creationTime), edgeConfig: try found.edgeConfig(),
            failedStatusDetails: found.failedStatusDetails,
            lastUpdatedTime: Timestamp(millisecondsSinceEpoch: found.lastUpdatedTime), streamARN: found.streamARN,
            streamName: found.key.name, syncStatus: found.syncStatus)
    }
}
