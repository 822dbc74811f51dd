import Contract
import SQL
import Store

extension ListStreams: Rule {
    /// What a page holds at most unless the call says less. Reference, ListStreams, MaxResults.
    private static let defaultPage = 10_000

    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> WholeAccount { WholeAccount() }

    static func answer(_ input: Input, _ subject: WholeAccount, _ call: Call) async throws(OperationError) -> Output {
        let plane = call.plane
        let prefix = input.streamNameCondition?.comparisonValue ?? ""
        let last = try plane.pageTokens.last(in: input.nextToken, filter: prefix, call)
        let limit = input.maxResults ?? defaultPage
        let found: [StreamRecord]
        do throws(DatabaseError) {
            // One more than fits tells whether another page follows.
            found = try await plane.store.streams(
                account: call.caller.account, region: call.caller.region, prefix: prefix, after: last, limit: limit + 1)
        } catch {
            throw OperationError(error)
        }
        let page = found.prefix(limit)
        var nextToken: String?
        if found.count > limit, let last = page.last { nextToken = plane.pageTokens.token(after: last.name, filter: prefix, call) }
        return Output(nextToken: nextToken, streamInfoList: page.map(\.info))
    }
}
