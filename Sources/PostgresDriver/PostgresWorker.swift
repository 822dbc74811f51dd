internal import Logging
internal import SQL

/// One connection and the thread it lives on: connects, takes requests from the inbox, answers them, and connects again when it must.
///
/// Threads: `run` is called once and returns after the inbox was closed; everything it makes stays on its thread.
final class PostgresWorker: Sendable {
    private static let shortestPause: Duration = .milliseconds(50)
    private static let longestPause: Duration = .seconds(2)

    private let inbox: PostgresInbox
    private let settings: PostgresSettings
    private let logger: Logger
    private let wake: PostgresWake

    init(_ inbox: PostgresInbox, _ settings: PostgresSettings, _ logger: Logger) throws(DatabaseError) {
        self.inbox = inbox
        self.settings = settings
        self.logger = logger
        wake = try PostgresWake()
    }

    /// Interrupts a pause between attempts to connect.
    func interrupt() {
        wake.signal()
    }

    /// Serves requests until the inbox is closed.
    func run() {
        var pause = Self.shortestPause
        // Reads whose connection was lost: they go first on the next one, since the other connections may be as lost and not know it yet.
        var again: [PostgresRequest] = []
        while !inbox.isClosed {
            do throws(DatabaseError) {
                let logger = self.logger
                var connection = try PostgresConnection.open(settings) { logger.debug("Postgres notice", metadata: ["notice": "\($0)"]) }
                pause = Self.shortestPause
                again = serve(&connection, again)
            } catch {
                inbox.putBack(again)
                again = []
                if inbox.connectionFailed(error) { logger.warning("cannot connect to Postgres", metadata: ["error": "\(error.message)"]) }
                // Jitter, so that many clients of a server that comes back do not come all at once.
                wake.wait(upTo: pause * Double.random(in: 0.5...1))
                pause = min(pause * 2, Self.longestPause)
            }
        }
        inbox.putBack(again)
    }

    // Answers what has to be sent again once the connection has ended.
    private func serve(_ connection: inout PostgresConnection, _ first: [PostgresRequest]) -> [PostgresRequest] {
        if inbox.connectionOpened() { logger.notice("Postgres is back") }
        var again = exchange(first, &connection)
        var isRegistered = false
        while connection.isUsable {
            guard again.isEmpty else {
                again = exchange(again, &connection)
                continue
            }
            switch inbox.take(wake, isRegistered: isRegistered) {
            case .requests(let requests):
                isRegistered = false
                again = exchange(requests, &connection)
            case .nothing:
                isRegistered = true
                connection.waitWhileIdle(wake)
            case .closed:
                inbox.connectionClosed(wake, isRegistered: false)
                return []
            }
        }
        logger.info("a Postgres connection was lost", metadata: ["reason": "\(connection.end)"])
        inbox.connectionClosed(wake, isRegistered: isRegistered)
        return again
    }

    // Answers what has to be sent again: on this connection, or on the next one where it has ended.
    private func exchange(_ requests: [PostgresRequest], _ connection: inout PostgresConnection) -> [PostgresRequest] {
        guard requests.count > 1, requests.allSatisfy(\.work.mayShareTransaction) else { return exchangeEach(requests, &connection) }
        var failure: DatabaseError?
        let again = connection.exchange([PostgresWork(together: requests.map(\.work))], slow: slow) { _, outcome in
            switch outcome {
            case .success(let rows):
                inbox.finished(requests.count)
                var rest = rows[...]
                for request in requests {
                    request.continuation.resume(returning: .success(Array(rest.prefix(request.work.steps.count))))
                    rest = rest.dropFirst(request.work.steps.count)
                }
            case .failure(let error): failure = error
            }
        }
        if let failure {
            // Nothing has taken effect, and perhaps one alone is to blame: each is done by itself.
            if connection.isUsable, failure.isOfOneRequest(requests[0].work.purpose) { return exchangeEach(requests, &connection) }
            fail(requests, failure)
        }
        return again.isEmpty ? [] : requests.compactMap { retried($0, connection.end) }
    }

    private func exchangeEach(_ requests: [PostgresRequest], _ connection: inout PostgresConnection) -> [PostgresRequest] {
        guard !requests.isEmpty else { return [] }
        let again = connection.exchange(requests.map(\.work), slow: slow) { place, outcome in
            inbox.finished(1)
            requests[place].continuation.resume(returning: outcome)
        }
        return again.compactMap { retried(requests[$0], connection.end) }
    }

    private func slow() { inbox.isSlow(wake) }

    private func fail(_ requests: [PostgresRequest], _ error: DatabaseError) {
        inbox.finished(requests.count)
        for request in requests { request.continuation.resume(returning: .failure(error)) }
    }

    // The request as one that is sent a second time; nil where it was that already, and has now failed.
    private func retried(_ request: PostgresRequest, _ end: String) -> PostgresRequest? {
        guard !request.work.isRetry else {
            fail([request], DatabaseError(.unavailable, "the connection was lost twice: \(end)"))
            return nil
        }
        var request = request
        request.work.isRetry = true
        return request
    }
}

extension DatabaseError {
    /// Whether others of the same transaction may have had no part in the failure, and are not too late to be done once more.
    fileprivate func isOfOneRequest(_ purpose: PostgresWork.Purpose) -> Bool {
        switch kind {
        case .constraint, .mistake: true
        case .conflict, .unavailable: purpose == .read
        case .overloaded, .outcomeUnknown: false
        }
    }
}
