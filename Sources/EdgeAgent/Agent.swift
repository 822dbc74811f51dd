package import Client
import Contract
import Glibc
package import Logging
public import ServiceLifecycle

/// An edge agent: keeps in its folder the edge configurations that its deployment has for its thing, and tells the deployment how it goes.
///
/// It remembers nothing: each round compares what is in the folder with what the deployment wants, and every step of it can be repeated. So it may be
/// killed between any two steps, and the next round goes on. Several tasks may use one agent, but it runs once.
public struct Agent: Service, Sendable {
    /// How a round went.
    enum Round {
        /// There was nothing to do, for as long as the deployment waited.
        case idle
        case done
        /// Something has to be tried again.
        case unfinished
    }

    /// Why an agent could not do all there was to do. The text is for operators.
    struct Unfinished: Error, CustomStringConvertible {
        let description: String
    }

    let thing: String
    let folder: Folder
    let api: DeploymentAPI
    var pace = Pace()
    let logger: Logger

    /// Opens the folder and the network for as long as `body` takes.
    ///
    /// - Throws: `SettingsFault`, or another error whose description is for operators.
    package static func open(_ settings: AgentSettings, logger: Logger, _ body: (Agent) async throws -> Void) async throws {
        let folder = try Folder(settings.folder, logger: logger)
        try await HTTPClientExchange.open(caFile: settings.client.caFile) { exchange in
            let api = DeploymentAPI(
                endpoint: settings.client.endpoint, signer: settings.client.signer, exchange: exchange, userAgent: "weir-edge-agent")
            try await body(Agent(thing: settings.thing, folder: folder, api: api, logger: logger))
        }
    }

    /// Signs with the key of these settings and trusts their authorities from now on. What is under way goes on as it began.
    ///
    /// - Throws: Where the file of the authorities cannot be used; nothing is changed then.
    package func renew(_ settings: AgentSettings) throws(SettingsFault) {
        try api.exchange.trust(caFile: settings.client.caFile)
        api.signer.set(settings.client.signer)
    }

    /// Runs until its task is cancelled or a graceful shutdown begins. No failure of the network, the deployment or the disk ends it.
    public func run() async throws {
        logger.notice("following \(thing)", metadata: ["endpoint": "\(api.endpoint.origin)"])
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await followConfigurations() }
                group.addTask { await followStatuses() }
            }
        }
        logger.notice("stopped")
    }

    /// Does what there is to do now, and returns when there is nothing left.
    ///
    /// - Throws: Where the deployment does not answer as it should, or something could not be finished in some tries.
    public func runOnce() async throws {
        var backoff = Backoff(from: pace.first, upTo: pace.last)
        var tries = 0
        rounds: while true {
            switch try await round(waiting: 0) {
            case .idle: break rounds
            case .done: continue
            case .unfinished:
                tries += 1
                guard tries < 5 else { throw Unfinished(description: "Something could not be finished; the lines above tell why.") }
                try await pace.sleep(backoff.next())
            }
        }
        for news in await folder.untoldStatuses(thing: thing) { try await tell(news) }
    }

    // MARK: Loops

    private func followConfigurations() async {
        await repeatedly("configurations") { () throws(CallFailure) in
            let start = ContinuousClock.now
            let round = try await round(waiting: pace.poll)
            // A deployment that is being stopped does not wait as long as it was asked to.
            if round == .idle, start.duration(to: .now) < pace.first { try? await pace.sleep(pace.first) }
            return round != .unfinished
        }
    }

    private func followStatuses() async {
        await repeatedly("statuses") { () throws(CallFailure) in
            for news in await folder.untoldStatuses(thing: thing) { try await tell(news) }
            try? await pace.sleep(pace.statusCheck)
            return true
        }
    }

    /// Does `step` again and again until the task is cancelled. Backs off after each that fails or returns false.
    private func repeatedly(_ what: String, _ step: () async throws(CallFailure) -> Bool) async {
        var backoff = Backoff(from: pace.first, upTo: pace.last)
        while !Task.isCancelled {
            var pause: Duration?
            do throws(CallFailure) {
                if try await step() { backoff.reset() } else { pause = backoff.next() }
            } catch {
                if Task.isCancelled { return }
                switch error {
                case .unavailable, .outdated:
                    pause = backoff.next()
                    logger.warning("cannot go on for now", metadata: ["with": "\(what)", "why": "\(error)"])
                case .denied, .rejected:
                    pause = pace.denied
                    logger.error("the deployment refuses this agent", metadata: ["with": "\(what)", "why": "\(error)"])
                }
            }
            if let pause { try? await pace.sleep(pause) }
        }
    }

    // MARK: Configurations

    /// Fetches what there is to do, and does it.
    ///
    /// - Parameter seconds: How long the deployment may wait for something to do, 0 to 20.
    func round(waiting seconds: Int) async throws(CallFailure) -> Round {
        let held = await heldConfigurations()
        // The API takes 5000. The deployment sends the others in each answer, and the agent finds that it has them.
        let input = FetchEdgeConfigurations.Input.make(
            hubDeviceArn: thing, heldConfigurations: Array(held.prefix(5000)), waitTimeInSeconds: seconds)
        let answer = try await api.call(FetchEdgeConfigurations.self, input, waiting: seconds)
        if answer.edgeConfigurations.isEmpty, answer.removedStreamARNs.isEmpty { return .idle }

        var isDone = true
        // First, as a stream that was made anew under the same name has the same file.
        for streamARN in answer.removedStreamARNs where await !forget(streamARN) { isDone = false }
        let present = Set(held)
        for configuration in answer.edgeConfigurations where try await !act(on: configuration, present) { isDone = false }
        return isDone ? .done : .unfinished
    }

    /// What the folder holds. Where it cannot be listed nothing counts as held: what has to be applied then fails, and the deployment learns why.
    private func heldConfigurations() async -> [HeldEdgeConfiguration] {
        do {
            return try await folder.held()
        } catch {
            logger.error("the folder cannot be read", metadata: ["why": "\(error)"])
            return []
        }
    }

    /// Whether it is done.
    private func forget(_ streamARN: String) async -> Bool {
        do {
            try await folder.forget(streamARN: streamARN)
            logger.notice("forgotten, as the deployment does not have it any more", metadata: ["stream": "\(streamARN)"])
            return true
        } catch {
            logger.error("a configuration cannot be removed", metadata: ["stream": "\(streamARN)", "why": "\(error)"])
            return false
        }
    }

    /// Does what a configuration asks for.
    ///
    /// - Returns: Whether it is done; so is what failed and was reported.
    private func act(on configuration: AgentEdgeConfiguration, _ held: Set<HeldEdgeConfiguration>) async throws(CallFailure) -> Bool {
        switch configuration.syncStatus {
        case .syncing, .acknowledged:
            return try await settle(configuration) { try await folder.write(configuration) }
        case .deleting, .deletingAcknowledged:
            return try await settle(configuration) { try await delete(configuration.streamARN) }
        case .inSync:
            return await restore(configuration, held)
        case .syncFailed, .deleteFailed:
            // Not for the agent to act on, until an operator has.
            return true
        }
    }

    /// Acknowledges a configuration, does `work` and reports how it went.
    private func settle(_ configuration: AgentEdgeConfiguration, _ work: () async throws -> Void) async throws(CallFailure) -> Bool {
        let (streamARN, revision) = (configuration.streamARN, configuration.revision)
        do throws(CallFailure) {
            _ = try await api.call(
                AcknowledgeEdgeConfiguration.self, .make(hubDeviceArn: thing, streamARN: streamARN, revision: revision))
            let failure = try await failure(of: work)
            let reported = try await api.call(
                ReportEdgeConfigurationResult.self,
                .make(hubDeviceArn: thing, streamARN: streamARN, revision: revision, failure: failure))
            let status = reported.syncStatus?.rawValue ?? "gone"
            let metadata: Logger.Metadata = ["stream": "\(streamARN)", "revision": "\(revision)", "status": "\(status)"]
            if let failure {
                logger.error("a configuration cannot be settled: \(failure)", metadata: metadata)
            } else {
                logger.notice("settled a configuration", metadata: metadata)
            }
            return true
        } catch {
            switch error {
            case .unavailable, .denied: throw error
            case .outdated:
                logger.notice("the deployment has changed its mind", metadata: ["stream": "\(streamARN)", "why": "\(error)"])
                return false
            case .rejected:
                logger.error("the deployment does not take a word", metadata: ["stream": "\(streamARN)", "why": "\(error)"])
                return false
            }
        }
    }

    /// Does `work`. Returns why it failed, in at most the 1024 characters of the API; nil where it did not.
    private func failure(of work: () async throws -> Void) async throws(CallFailure) -> String? {
        do {
            try await work()
            return nil
        } catch is CancellationError {
            throw .unavailable("The agent is being stopped.")
        } catch {
            return String("\(error)".unicodeScalars.prefix(1024))
        }
    }

    private func delete(_ streamARN: String) async throws {
        var tries = 0
        while true {
            do {
                return try await folder.delete(streamARN: streamARN)
            } catch let error as DiskError where error.code == ENOTEMPTY && tries < 10 {
                // A recorder may add a file or two before it notices that its configuration is gone.
                tries += 1
                try await pace.sleep(pace.recorderStops)
            }
        }
    }

    /// Writes a configuration that the folder has lost. The deployment has nothing to learn of it. Returns whether it is done.
    private func restore(_ configuration: AgentEdgeConfiguration, _ held: Set<HeldEdgeConfiguration>) async -> Bool {
        if held.contains(HeldEdgeConfiguration(revision: configuration.revision, streamARN: configuration.streamARN)) { return false }
        let metadata: Logger.Metadata = ["stream": "\(configuration.streamARN)", "revision": "\(configuration.revision)"]
        do {
            try await folder.write(configuration)
            logger.notice("restored a configuration", metadata: metadata)
            return true
        } catch {
            logger.error("a configuration cannot be restored: \(error)", metadata: metadata)
            return false
        }
    }

    // MARK: Statuses

    /// Tells what the recorder or the uploader of a stream has said. Words that the deployment refuses are not said again.
    private func tell(_ news: StatusWatch.News) async throws(CallFailure) {
        do throws(CallFailure) {
            try await api.call(ReportEdgeAgentStatus.self, news.input)
            await folder.told(news)
        } catch {
            switch error {
            case .unavailable, .denied: throw error
            case .outdated, .rejected:
                await folder.told(news)
                logger.warning("the deployment does not take a status", metadata: ["stream": "\(news.input.streamARN)", "why": "\(error)"])
            }
        }
    }
}

/// How long an agent waits, and for what.
struct Pace: Sendable {
    /// How long the deployment may wait for something to do, in seconds.
    var poll = 20
    /// The limits of the back-off, for what may be right again at any moment.
    var first = Duration.seconds(1)
    var last = Duration.seconds(30)
    /// For what only an operator can put right.
    var denied = Duration.seconds(30)
    /// Between two looks at the statuses.
    var statusCheck = Duration.seconds(1)
    /// For a recorder to notice that its configuration is gone.
    var recorderStops = Duration.milliseconds(500)
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
}
