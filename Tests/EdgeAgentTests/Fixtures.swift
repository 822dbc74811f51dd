import Contract
import Locking

@testable import EdgeAgent

let thing = "arn:aws:iot:us-east-1:123456789012:thing/hub-1"

func arn(_ stream: String, _ created: Int = 1_705_489_836_421) -> String {
    "arn:aws:kinesisvideo:us-east-1:123456789012:stream/\(stream)/\(created)"
}

/// What a configuration says; of the secret it must never be heard in a log.
func edgeConfig(_ secret: String = "hush") -> EdgeConfig {
    EdgeConfig(
        deletionConfig: nil, hubDeviceArn: thing,
        recorderConfig: RecorderConfig(
            mediaSourceConfig: MediaSourceConfig(
                mediaUriSecretArn: "arn:aws:secretsmanager:us-east-1:123456789012:secret:\(secret)", mediaUriType: .rtsp),
            scheduleConfig: nil),
        uploaderConfig: nil)
}

func configuration(_ streamARN: String, _ revision: String, _ status: SyncStatus = .syncing) -> AgentEdgeConfiguration {
    AgentEdgeConfiguration(
        edgeConfig: edgeConfig(), revision: revision, streamARN: streamARN, streamName: StreamFiles.streamName(in: streamARN),
        syncStatus: status)
}

/// Blows at one step of many: that step and all after it do not happen, as if the program had been killed.
final class Fuse: Sendable {
    struct Killed: Error {}

    private let steps: Lock<Int>

    /// - Parameter steps: How many steps are made before it blows; nil for all.
    init(after steps: Int? = nil) {
        self.steps = Lock(steps ?? .max)
    }

    var isBlown: Bool { steps.withLock { $0 < 0 } }

    /// Makes a step. Returns whether it may happen.
    func step() -> Bool {
        steps.withLock { left in
            if left >= 0 { left -= 1 }
            return left >= 0
        }
    }
}

/// Waits for something to be so, at most ten seconds.
func until(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<1000 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}
