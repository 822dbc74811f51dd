public import ServiceLifecycle

/// Runs services until `body` is done, then asks them to stop and waits until they have, or until the test's time is up.
public func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
    let group = ServiceGroup(services: services, logger: .quiet)
    let run = Task { try await group.run() }
    do {
        try await body()
    } catch {
        await group.triggerGracefulShutdown()
        _ = await run.result
        throw error
    }
    await group.triggerGracefulShutdown()
    try await withTaskCancellationHandler {
        try await run.value
    } onCancel: {
        run.cancel()
    }
}
