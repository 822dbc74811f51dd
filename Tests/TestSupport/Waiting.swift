internal import Dispatch

/// A level that was waited for and not reached.
public struct NotReached: Error, CustomStringConvertible {
    /// What was waited for.
    public let description: String
}

/// Returns once `isReached` answers true, which it is asked again and again; throws after the deadline, which only bounds a failure.
public func eventually(_ what: String, within limit: Duration = .seconds(30), _ isReached: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !isReached() {
        guard ContinuousClock.now < deadline else { throw NotReached(description: "not reached within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// Runs work that blocks on a thread outside Swift's pool, which has few.
public func blocking<Answer: Sendable>(_ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
    }
}
