internal import CPostgres
internal import Glibc
internal import SQL

/// A session in pipeline mode. Runs pieces of work, several at once, and tells how each ended.
///
/// Sending and receiving take turns as the socket allows, so neither a batch nor a result is too large: the server never
/// waits for us to read while we wait for it to read.
///
/// Threads: stays on the one that made it.
struct PostgresConnection: ~Copyable {
    private let session: PostgresSession
    private var pipeline: PostgresPipeline
    private let silenceLimit: Duration?
    private let transactionLimits: String
    // Texts as Postgres takes them, by statement name, where statements are not prepared.
    private var texts: [String: String] = [:]
    /// What takes longer is slow.
    private static let quick = Duration.milliseconds(1)

    private init(_ session: consuming PostgresSession, _ settings: PostgresSettings) {
        self.session = session
        // For the setup; the one for requests depends on what it finds.
        pipeline = PostgresPipeline(preparesStatements: false)
        silenceLimit = settings.configuration.silenceLimit
        transactionLimits = settings.transactionLimits
    }

    /// Connects, logs in and sets the session up.
    static func open(_ settings: PostgresSettings, log: @escaping (String) -> Void) throws(DatabaseError) -> PostgresConnection {
        var connection = PostgresConnection(try PostgresSession.open(settings, log: log), settings)
        try connection.setUp(settings)
        return connection
    }

    private mutating func setUp(_ settings: PostgresSettings) throws(DatabaseError) {
        guard PQsetnonblocking(session.connection, 1) == 0, PQenterPipelineMode(session.connection) == 1 else {
            throw DatabaseError(.unavailable, session.errorText)
        }
        var batch = Batch()
        let setup = batch.add(settings.sessionSetup(for: .requests, process: session.process), [])
        var outcome = PostgresOutcome.failure(DatabaseError(.unavailable, session.errorText))
        _ = exchange([try PostgresWork(.write, batch)], slow: {}) { _, result in outcome = result }
        guard let told = try BatchResult(rows: try outcome.get()).rows(setup).first else {
            throw DatabaseError(.unavailable, "the server did not answer the session's setup")
        }
        guard !told.isPooled || told.isolation == "read committed" else {
            throw DatabaseError(
                .unavailable,
                "behind a pooler, set the role's default_transaction_isolation to 'read committed'; it is '\(told.isolation)'")
        }
        pipeline = PostgresPipeline(
            preparesStatements: settings.configuration.preparedStatements, limitsTransactions: told.isPooled)
    }

    /// Whether more work may be sent. Once it is false, it stays so.
    var isUsable: Bool { !pipeline.isEnded && session.isOpen }

    /// Why it is of no further use, as far as that is known.
    var end: String { pipeline.end ?? session.errorText }

    /// Sends all of the work, then waits for the answers and calls `finished` with each as it arrives, by its place in the array.
    /// `slow` is called once where that takes longer than small reads do.
    /// Answers the places of what has to be sent again, here or on a new connection: it took no effect or changes nothing.
    mutating func exchange(_ work: [PostgresWork], slow: () -> Void, finished: (Int, PostgresOutcome) -> Void) -> [Int] {
        var again: [Int] = []
        func apply(_ actions: [PostgresPipeline.Action]) {
            for action in actions {
                switch action {
                case .finish(let place, let outcome): finished(place, outcome)
                case .again(let place): again.append(place)
                }
            }
        }
        for (place, item) in work.enumerated() {
            guard isUsable else {
                again.append(place)
                continue
            }
            do throws(DatabaseError) {
                for command in try pipeline.add(item, as: place) where isUsable {
                    if !send(command, of: item) { apply(pipeline.receive(.lost(session.errorText))) }
                }
            } catch {
                finished(place, .failure(error))
            }
        }
        let clock = ContinuousClock()
        let start = clock.now
        var lastSign = start
        var isSlow = false
        var isLost = false
        while !pipeline.isDrained {
            while !pipeline.isDrained, PQisBusy(session.connection) == 0 {
                let event = nextEvent()
                if session.notices.takeReplicationWarning() { apply(pipeline.receive(.notReplicated)) }
                apply(pipeline.receive(event))
            }
            if pipeline.isDrained { break }
            if isLost {
                apply(pipeline.receive(.lost(session.errorText)))
                break
            }
            let unsent = PQflush(session.connection)
            if unsent == -1 {
                // libpq may have closed the socket already, on which there would be nothing to wait for.
                isLost = true
                continue
            }
            let now = clock.now
            let remaining = silenceLimit.map { $0 - (now - lastSign) }
            if let remaining, remaining <= .zero {
                apply(pipeline.receive(.lost("the server has said nothing for longer than its statement timeout")))
                break
            }
            if !isSlow, now - start >= Self.quick {
                isSlow = true
                slow()
            }
            if waitForSocket(toWrite: unsent == 1, upTo: isSlow ? remaining : Self.quick) { lastSign = clock.now }
            isLost = PQconsumeInput(session.connection) == 0
        }
        return again
    }

    /// Waits until `wake` is signalled or the server ends the session, whichever comes first.
    mutating func waitWhileIdle(_ wake: PostgresWake) {
        var descriptors = [
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: PQsocket(session.connection), events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&descriptors, 2, -1) > 0 else { return }
        if descriptors[0].revents != 0 { wake.clear() }
        guard descriptors[1].revents != 0 else { return }
        // A parameter's change or a notice, or the end.
        if PQconsumeInput(session.connection) == 0 { _ = pipeline.receive(.lost("closed while idle: \(session.errorText)")) }
        _ = PQisBusy(session.connection)
    }

    private func nextEvent() -> PostgresPipeline.Event {
        guard let result = PostgresResult(PQgetResult(session.connection)) else { return .separator }
        return result.event()
    }

    // Over TLS, bytes may wait in the TLS library with the socket silent, so that is asked now and then.
    private func waitForSocket(toWrite: Bool, upTo limit: Duration?) -> Bool {
        var descriptor = pollfd(fd: PQsocket(session.connection), events: Int16(toWrite ? POLLIN | POLLOUT : POLLIN), revents: 0)
        let milliseconds = limit.map { $0.milliseconds + 1 } ?? -1
        let isEncrypted = PQsslInUse(session.connection) == 1
        let timeout = isEncrypted ? (milliseconds < 0 ? 20 : min(20, milliseconds)) : milliseconds
        return poll(&descriptor, 1, Int32(clamping: timeout)) > 0
    }

    // Puts a command into libpq's buffer; false where it takes none any more.
    private mutating func send(_ command: PostgresPipeline.Command, of work: PostgresWork) -> Bool {
        let connection = session.connection
        switch command {
        case .limit:
            return PQsendQueryParams(connection, transactionLimits, 0, nil, nil, nil, nil, 0) == 1
        case .deallocateAll:
            return PQsendQueryParams(connection, "DEALLOCATE ALL", 0, nil, nil, nil, nil, 0) == 1
        case .prepare(let step):
            let statement = work.steps[step].statement
            return PQsendPrepare(connection, statement.name, statement.postgresSQL, 0, nil) == 1
        case .execute(let step):
            let (statement, arguments) = (work.steps[step].statement, work.steps[step].arguments)
            let count = Int32(arguments.count)
            if pipeline.preparesStatements {
                return arguments.withPointers { PQsendQueryPrepared(connection, statement.name, count, $0.baseAddress, nil, nil, 0) == 1 }
            }
            let text = texts[statement.name] ?? statement.postgresSQL
            texts[statement.name] = text
            return arguments.withPointers { PQsendQueryParams(connection, text, count, nil, $0.baseAddress, nil, nil, 0) == 1 }
        case .sync:
            return PQpipelineSync(connection) == 1
        }
    }
}
