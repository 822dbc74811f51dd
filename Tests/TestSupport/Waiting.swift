internal import Dispatch

/// A level that was waited for and not reached.
public struct NotReached: Error, CustomStringConvertible {
    /// What was waited for.
    public let description: String
}

/// Calls `isReached` again and again until it is true; throws after the deadline, which only bounds a failure.
public func eventually(_ what: String, within limit: Duration = .seconds(120), _ isReached: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !isReached() {
        guard ContinuousClock.now < deadline else { throw NotReached(description: "not reached within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// The answers to `count` calls that are made at once, in the order in which they come.
public func atOnce<Answer: Sendable>(
    _ count: Int, _ call: @escaping @Sendable (_ number: Int) async throws -> Answer
) async throws -> [Answer] {
    try await withThrowingTaskGroup(of: Answer.self) { group in
        for number in 0..<count { group.addTask { try await call(number) } }
        return try await group.reduce(into: []) { $0.append($1) }
    }
}

/// Runs work that blocks on a thread outside Swift's pool, which has few.
public func blocking<Answer: Sendable>(_ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
    }
}
