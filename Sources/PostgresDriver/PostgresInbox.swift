internal import Locking
internal import SQL

/// Work that somebody waits for.
struct PostgresRequest: Sendable {
    let id: UInt64
    var work: PostgresWork
    var deadline: ContinuousClock.Instant
    let continuation: CheckedContinuation<PostgresOutcome, Never>
}

/// The requests that wait for a connection, in their order, and what is known of the connections.
///
/// Threads: any thread and any task may call any method. Continuations are resumed and threads woken outside the lock.
final class PostgresInbox: Sendable {
    /// What a connection's thread gets when it asks for work.
    enum Delivery {
        case requests([PostgresRequest])
        /// None wait: the caller is registered, and its wake will be signalled.
        case nothing
        case closed
    }

    /// More in one go would make the last wait for the first without making either faster.
    fileprivate static let mostAtOnce = 16
    /// Batches that lock the same row first wait for each other in any case, so more of them share one commit.
    fileprivate static let mostInOneCommit = 64
    /// What one go may send, one larger request apart.
    fileprivate static let mostBytesAtOnce = 65_536

    fileprivate struct State {
        var queue: [PostgresRequest] = []
        var idle: [PostgresWake] = []
        // Threads that were woken and have not asked yet: they get their share too.
        var woken = 0
        // Threads that are at small reads, and so about to ask again.
        var reading: Set<ObjectIdentifier> = []
        // The rows that batches under way lock first, by the thread. Others that lock the same one wait until they can follow as one.
        var locked: [ObjectIdentifier: String] = [:]
        var up = 0
        var opened = 0
        var inFlight = 0
        // Why there is no connection, while none is up and the last attempt has failed.
        var outage: DatabaseError?
        // Until when requests wait for a connection to come back, since the last one was lost.
        var graceEnd: ContinuousClock.Instant?
        var watchIsParked = false
        var isClosed = false
    }

    private let configuration: PostgresDatabase.Configuration
    private let state = Lock(State())
    private let watch: PostgresWake
    private let metrics: DatabaseMetrics

    init(_ configuration: PostgresDatabase.Configuration) throws(DatabaseError) {
        self.configuration = configuration
        metrics = DatabaseMetrics(configuration.metrics)
        watch = try PostgresWake()
        metrics.show(waitingFor: .connection) { [weak self] in self?.statistics.queued }
        metrics.show(connections: { [weak self] in self?.statistics.connectionsUp }, limit: configuration.connections)
        metrics.show(inFlight: { [weak self] in self?.statistics.inFlight })
        metrics.show(reconnects: { [weak self] in self?.statistics.reconnects })
    }

    // MARK: Callers

    /// Takes a request, or ends it at once: after `close`, in an outage that lasts, or with the queue full.
    func submit(_ request: PostgresRequest) {
        let now = ContinuousClock.now
        let (refusal, wake, watchWasParked) = state.withLock { state -> (DatabaseError?, PostgresWake?, Bool) in
            if let refusal = state.refusal(now) { return (refusal, nil, false) }
            guard state.queue.count < configuration.queueLimit else {
                return (DatabaseError(.overloaded, "\(state.queue.count) requests wait for a Postgres connection already"), nil, false)
            }
            return state.enqueue([request])
        }
        if let refusal { fail([request], refusal) }
        wake?.signal()
        if watchWasParked { watch.signal() }
    }

    /// Takes requests back whose connection was lost and not to be had again, as if they had just come.
    func putBack(_ requests: [PostgresRequest]) {
        guard !requests.isEmpty else { return }
        let now = ContinuousClock.now
        let renewed = requests.map { request in
            var request = request
            request.deadline = now + configuration.queueDeadline
            return request
        }
        let (refusal, wake, watchWasParked) = state.withLock { state -> (DatabaseError?, PostgresWake?, Bool) in
            state.inFlight -= requests.count
            if let refusal = state.refusal(now) { return (refusal, nil, false) }
            return state.enqueue(renewed)
        }
        if let refusal { fail(requests, refusal) }
        wake?.signal()
        if watchWasParked { watch.signal() }
    }

    /// Ends a request that still waits; one that a connection has is left alone.
    func cancel(_ id: UInt64) {
        let request = state.withLock { state -> PostgresRequest? in
            guard let place = state.queue.firstIndex(where: { $0.id == id }) else { return nil }
            return state.queue.remove(at: place)
        }
        request?.continuation.resume(returning: .failure(Self.cancelled))
    }

    /// Refuses requests from now on and ends those that wait; the threads find out when they next ask.
    func close() {
        let (requests, idle) = state.withLock { state in
            state.isClosed = true
            state.woken += state.idle.count
            defer {
                state.queue = []
                state.idle = []
            }
            return (state.queue, state.idle)
        }
        fail(requests, Self.closed)
        for wake in idle { wake.signal() }
        watch.signal()
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    var statistics: PostgresDatabase.Statistics {
        state.withLock { state in
            PostgresDatabase.Statistics(
                connections: configuration.connections, connectionsUp: state.up, queued: state.queue.count, inFlight: state.inFlight,
                reconnects: max(0, state.opened - configuration.connections))
        }
    }

    // MARK: Connections

    /// What waits and can be done in one go with the oldest request of all: small reads, or batches that lock the same row first, or else a fair
    /// share, which leaves the same for every other thread that has nothing to do.
    func take(_ wake: PostgresWake, isRegistered: Bool) -> Delivery {
        let now = ContinuousClock.now
        let (delivery, expired, next) = state.withLock { state -> (Delivery, [PostgresRequest], PostgresWake?) in
            if isRegistered { state.unregister(wake) }
            state.ended(wake)
            if state.isClosed { return (.closed, [], nil) }
            let expired = state.removeExpired(now)
            let requests = state.takeShare(wake)
            guard !requests.isEmpty else {
                state.idle.append(wake)
                return (.nothing, expired, nil)
            }
            state.inFlight += requests.count
            return (.requests(requests), expired, state.wakeIfWanted())
        }
        fail(expired, Self.late)
        next?.signal()
        if case .requests(let requests) = delivery {
            metrics.grouped(requests.count)
            for request in requests {
                metrics.waited(for: .connection, configuration.queueDeadline - now.duration(to: request.deadline))
            }
        }
        return delivery
    }

    /// The reads that the thread has taken are not small: others take what waits.
    func isSlow(_ wake: PostgresWake) {
        let next = state.withLock { state in
            state.reading.remove(ObjectIdentifier(wake))
            return state.wakeIfWanted()
        }
        next?.signal()
    }

    /// Some of what was taken has been answered.
    func finished(_ count: Int) {
        state.withLock { $0.inFlight -= count }
    }

    /// A connection is ready for work. Whether that ends an outage.
    func connectionOpened() -> Bool {
        state.withLock { state in
            state.up += 1
            state.opened += 1
            defer { (state.outage, state.graceEnd) = (nil, nil) }
            return state.outage != nil && state.opened > 1
        }
    }

    /// A connection is no longer ready. Its thread was perhaps woken for a request that another has to take now.
    func connectionClosed(_ wake: PostgresWake, isRegistered: Bool) {
        let now = ContinuousClock.now
        let next = state.withLock { state -> PostgresWake? in
            state.up -= 1
            if state.up == 0 { state.graceEnd = now + configuration.outageGrace }
            if isRegistered { state.unregister(wake) }
            state.ended(wake)
            return state.queue.isEmpty ? nil : state.wakeOne()
        }
        next?.signal()
    }

    /// Notes that an attempt to connect failed. Where no other connection is up, and none was lost shortly before, requests that wait and
    /// requests that come fail at once.
    ///
    /// - Returns: Whether an outage begins with it. Before the first connection none does: the start reports that failure itself.
    func connectionFailed(_ error: DatabaseError) -> Bool {
        let outage = DatabaseError(.unavailable, "no connection to Postgres: \(error.message)")
        let now = ContinuousClock.now
        let (requests, isNews) = state.withLock { state -> ([PostgresRequest], Bool) in
            guard state.up == 0 else { return ([], false) }
            let isNews = state.outage == nil && state.opened > 0
            state.outage = outage
            guard state.refusal(now) != nil else { return ([], isNews) }
            defer { state.queue = [] }
            return (state.queue, isNews)
        }
        fail(requests, outage)
        return isNews
    }

    // MARK: Deadlines

    private enum Pause: Equatable {
        case untilSignalled
        case upTo(Duration)
    }

    /// Ends requests whose deadline passes while every connection is busy or connecting. Runs until `close`, on a thread of its own.
    func watchDeadlines() {
        var pause: Pause? = .upTo(.zero)
        while let last = pause {
            let now = ContinuousClock.now
            let expired: [PostgresRequest]
            let reason: DatabaseError
            (expired, reason, pause) = state.withLock { state in
                if state.isClosed { return ([], Self.closed, nil) }
                let expired = state.removeExpired(now)
                let reason = state.outage ?? Self.late
                if let first = state.queue.first { return (expired, reason, .upTo(now.duration(to: first.deadline))) }
                // The request that woke this thread is served already, and the next one has at least this long. Sleeping it
                // out keeps a quick succession of requests from waking this thread for each.
                if last == .untilSignalled { return (expired, reason, .upTo(configuration.queueDeadline)) }
                state.watchIsParked = true
                return (expired, reason, .untilSignalled)
            }
            fail(expired, reason)
            switch pause {
            case .untilSignalled: watch.wait(upTo: nil)
            case .upTo(let duration): watch.wait(upTo: duration)
            case nil: break
            }
        }
    }

    private func fail(_ requests: [PostgresRequest], _ error: DatabaseError) {
        for request in requests { request.continuation.resume(returning: .failure(error)) }
    }

    fileprivate static let closed = DatabaseError(.unavailable, "the database was closed")
    static let cancelled = DatabaseError(.unavailable, "the caller was cancelled before the request was sent")
    private static let late = DatabaseError(.unavailable, "no Postgres connection took the request before its deadline")
}

extension PostgresInbox.State {
    /// Why no request is taken now; nil where one may wait.
    fileprivate func refusal(_ now: ContinuousClock.Instant) -> DatabaseError? {
        if isClosed { return PostgresInbox.closed }
        guard let outage else { return nil }
        if let graceEnd, now < graceEnd { return nil }
        return outage
    }

    /// Whom to signal: a connection's thread that has nothing to do, and whether the watch is to look at the deadlines again.
    fileprivate mutating func enqueue(_ requests: [PostgresRequest]) -> (DatabaseError?, PostgresWake?, Bool) {
        queue += requests
        defer { watchIsParked = false }
        return (nil, wakeIfWanted(), watchIsParked)
    }

    /// A thread that has nothing to do, where those that are about to ask will leave some of what waits: they take many reads, but few batches.
    fileprivate mutating func wakeIfWanted() -> PostgresWake? {
        guard !idle.isEmpty else { return nil }
        var (reads, batches, rows) = (0, 0, Set<String>())
        for request in queue where canBegin(request.work) {
            if request.work.purpose == .read {
                reads += 1
            } else if let row = request.work.firstLock {
                rows.insert(row)
            } else {
                batches += 1
            }
        }
        let wanted = batches + rows.count
        let forReads = (reads + PostgresInbox.mostAtOnce - 1) / PostgresInbox.mostAtOnce
        return wanted > woken || wanted + forReads > woken + reading.count ? wakeOne() : nil
    }

    /// Whether no batch under way locks the row that this one locks first.
    private func canBegin(_ work: PostgresWork) -> Bool {
        guard let row = work.firstLock else { return true }
        return !locked.values.contains(row)
    }

    /// The thread is no longer at what it took.
    fileprivate mutating func ended(_ wake: PostgresWake) {
        reading.remove(ObjectIdentifier(wake))
        locked[ObjectIdentifier(wake)] = nil
    }

    fileprivate mutating func wakeOne() -> PostgresWake? {
        guard let wake = idle.popLast() else { return nil }
        woken += 1
        return wake
    }

    // Whoever is no longer in the list was taken out to be woken.
    fileprivate mutating func unregister(_ wake: PostgresWake) {
        if let place = idle.firstIndex(where: { $0 === wake }) { idle.remove(at: place) } else { woken -= 1 }
    }

    // All requests may wait equally long, so the first in the queue are the first to expire.
    fileprivate mutating func removeExpired(_ now: ContinuousClock.Instant) -> [PostgresRequest] {
        guard let first = queue.first, first.deadline <= now else { return [] }
        let end = queue.firstIndex { $0.deadline > now } ?? queue.endIndex
        defer { queue.removeFirst(end) }
        return Array(queue[..<end])
    }

    /// The oldest request that can begin, and as many of its like as are done in one go with it.
    fileprivate mutating func takeShare(_ wake: PostgresWake) -> [PostgresRequest] {
        guard let first = queue.first(where: { canBegin($0.work) })?.work else { return [] }
        let most: Int
        if first.purpose == .read {
            most = PostgresInbox.mostAtOnce
            reading.insert(ObjectIdentifier(wake))
        } else if let row = first.firstLock {
            most = PostgresInbox.mostInOneCommit
            locked[ObjectIdentifier(wake)] = row
        } else {
            let threads = idle.count + woken + 1
            most = max(1, min(PostgresInbox.mostAtOnce, queue.count { $0.work.isLike(first) } / threads))
        }
        var share: [PostgresRequest] = []
        var bytes = 0
        queue.removeAll { request in
            guard share.count < most, request.work.isLike(first) else { return false }
            bytes += request.work.size
            guard share.isEmpty || bytes <= PostgresInbox.mostBytesAtOnce else { return false }
            share.append(request)
            return true
        }
        return share
    }
}
