import Locking
public import Logging
import SQL
public import ServiceLifecycle
public import Store

/// Brings events to their destinations, each at least once, those of one resource in order.
///
/// Any number of instances may do so at once. Each claims queues, the events of one resource for one destination, for the time of a lease; what
/// one of them was at when it died is sent again by another once the lease has ended, under the same id.
///
/// Threads: one task runs it; any may call `hint()` at any time.
public final class Courier: Service {
    private let shared: CourierShared
    private let lanes = Lock<[String: Lane]>([:])

    /// A courier for a store. Throws where the settings name a file that cannot be used.
    public convenience init(store: Store, settings: DeliverySettings, secrets: @escaping SecretSource, logger: Logger) throws {
        self.init(
            store: store, settings: settings, sender: Sender(settings, transport: try settings.transport(), secrets: secrets), pace: Pace(),
            logger: logger)
    }

    init(store: Store, settings: DeliverySettings, sender: Sender, pace: Pace, logger: Logger) {
        shared = CourierShared(store: store, settings: settings, sender: sender, pace: pace, logger: logger)
    }

    /// Says that events may wait. Without it they are found within a second.
    public func hint() { shared.hint() }

    /// Delivers until the process is asked to stop. What is in flight then has a moment to arrive; what has not is given back.
    public func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await work()
            } onGracefulShutdown: {
                self.stop()
            }
        } onCancel: {
            self.stop()
        }
        await shared.finisher.drain()
        await shared.sender.close()
    }

    private func stop() {
        shared.stop()
        for lane in lanes.withLock({ Array($0.values) }) { lane.close() }
    }

    private func work() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await cancelWhenGracefulShutdown { await self.poll() } }
            group.addTask { await cancelWhenGracefulShutdown { await self.keepUp() } }
            for await _ in shared.hints {
                if shared.isStopping { break }
                await look(&group)
                // Changes come in thousands a second; looking once for a handful of them is enough.
                try? await Task.sleep(for: shared.pace.rest)
            }
        }
    }

    /// Sees to it that each destination that has work is worked for.
    private func look(_ group: inout DiscardingTaskGroup) async {
        do throws(DatabaseError) {
            let due = try await shared.store.dueDestinations()
            shared.succeeded()
            for destination in due {
                work(lane(for: destination), destination, &group)
            }
            for lane in lanes.withLock({ Array($0.values) }) {
                if let destination = lane.destinationThatLacksWorkers { work(lane, destination, &group) }
            }
        } catch {
            shared.failed(error)
        }
    }

    private func work(_ lane: Lane, _ destination: DestinationRecord, _ group: inout DiscardingTaskGroup) {
        guard lane.beginClaiming() else { return }
        group.addTask { await lane.work(destination) }
    }

    private func lane(for destination: DestinationRecord) -> Lane {
        lanes.withLock { lanes in
            if let lane = lanes[destination.id] { return lane }
            if lanes.count >= 1000 { lanes = lanes.filter { !$0.value.isIdle } }
            let lane = Lane(destination, shared)
            lanes[destination.id] = lane
            return lane
        }
    }

    /// Looks about once a second for what other instances leave, and for attempts that are due.
    private func poll() async {
        repeat { shared.hint() } while await shared.pause(milliseconds: shared.pace.lookInterval)
    }

    /// About once a minute: destinations that have failed for too long, and what waits for none.
    private func keepUp() async {
        while await shared.pause(milliseconds: shared.pace.upkeepInterval) {
            do throws(DatabaseError) {
                try await pauseFailing()
                try await shared.store.abandonUndeliverable()
            } catch {
                shared.failed(error)
            }
        }
    }

    /// Pauses destinations that have failed for too long, and tells so.
    func pauseFailing() async throws(DatabaseError) {
        let age = shared.settings.pauseAfter
        for destination in try await shared.store.failingDestinations(for: age) {
            let arn = EventSubject.destination(destination)
            if try await shared.store.pauseFailing(destination.id, for: age, subjectARN: arn, token: CourierShared.token()) {
                shared.logger.warning("a destination is paused", metadata: ["destination": "\(destination.id)"])
            }
        }
    }
}
