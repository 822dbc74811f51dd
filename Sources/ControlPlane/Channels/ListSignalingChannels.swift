import Contract
import Identity
import Store

extension ListSignalingChannels: Rule {
    /// What a page holds at most unless the call says less. Reference, ListSignalingChannels, MaxResults.
    private static let defaultPage = 500

    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> WholeAccount { WholeAccount() }

    static func pageLength(_ input: Input) -> Int { input.maxResults ?? defaultPage }

    static func answer(_ input: Input, _ subject: WholeAccount, _ call: Call) async throws(OperationError) -> Output {
        let prefix = input.channelNameCondition?.comparisonValue ?? ""
        let page = try await call.page(
            pageLength(input), nextToken: input.nextToken, filter: prefix, name: \.name
        ) { store, after, limit throws(Store.Failure) in
            try await store.channels(
                account: call.caller.account, region: call.caller.region, prefix: prefix, after: after, limit: limit)
        }
        return Output(channelInfoList: page.rows.map(\.info), nextToken: page.nextToken)
    }
}
