import Contract
import ControlPlane
import Identity
import SQL
import Store
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// Rates that refuse calls are told of.
@Suite struct ReachedRateTests {
    private final class Counter: Sendable {
        let count = Atomic(0)
    }

    @Test func `each rate that refuses a call is told once`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            let limits = LimitEvents()
            let throttle = Throttle(Throttle.Rates(profile: .aws, protective: 400), limits: limits)
            let caller = Caller(
                principal: Principal(account: Fixture.account, keyID: "AKIATEST", reach: .account), region: Fixture.region, requestID: "r",
                invocation: nil, origin: nil)
            var refused = 0
            for number in 0..<400 {
                // Six calls for one stream, the rest for others.
                do throws(OperationError) {
                    try throttle.admit(.describeStream, caller, resourceName: number < 6 ? "gate" : "gate-\(number)", now: 10)
                } catch {
                    refused += 1
                }
            }
            #expect(refused == 101)
            for _ in 0..<5 {
                #expect(throws: OperationError.self) { try throttle.admit(.listStreams, caller, resourceName: nil, now: 10) }
            }
            let told = Counter()
            let telling = Task { await limits.tell(in: store, told: { told.count.add(1, ordering: .relaxed) }, failed: { _ in }) }
            try await eventually("all are told") { told.count.load(ordering: .relaxed) == 3 }
            telling.cancel()
            #expect(
                Set(try await store.events(after: nil, since: 0, limit: 10).map(\.resourceARN)) == [
                    "arn:aws:kinesisvideo:eu-west-1:111122223333:limit/requests",
                    "arn:aws:kinesisvideo:eu-west-1:111122223333:limit/requests-DescribeStream",
                    "arn:aws:kinesisvideo:eu-west-1:111122223333:limit/requests-DescribeStream-of-a-resource",
                ])
        }
    }
}
