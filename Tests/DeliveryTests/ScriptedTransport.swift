import Contract
import Locking
import Store

@testable import Delivery

/// A network whose receivers answer as the test says, and which remembers what they took.
///
/// Threads: any task may use it at any time.
final class ScriptedTransport: Transport {
    /// What arrived with an answer of 2xx, or was tried.
    struct Message: Sendable, Hashable {
        /// The last part of the URL's path: in these tests the destination.
        let receiver: String
        let id: String
        let subject: String
        let sequence: Int
        let isReplay: Bool
        let headers: [String: String]
    }

    typealias Script = @Sendable (Message) async throws(DeliveryFault) -> PostAnswer

    private let script: Script
    private let state = Lock((delivered: [Message](), attempted: [Message]()))

    init(_ script: @escaping Script = { _ in PostAnswer(status: 200) }) {
        self.script = script
    }

    /// In the order in which they arrived.
    var delivered: [Message] { state.withLock { $0.delivered } }
    /// In the order in which they were begun, those that arrived included.
    var attempted: [Message] { state.withLock { $0.attempted } }

    var sockets: Int { 0 }

    func delivered(to receiver: String) -> [Message] { delivered.filter { $0.receiver == receiver } }

    func post(_ request: Post, within limit: Duration) async throws(DeliveryFault) -> PostAnswer {
        guard let message = Self.message(request) else { throw DeliveryFault("the body is no event") }
        state.withLock { $0.attempted.append(message) }
        let answer = try await script(message)
        if (200..<300).contains(answer.status) { state.withLock { $0.delivered.append(message) } }
        return answer
    }

    func close() async {}

    private static func message(_ request: Post) -> Message? {
        guard case .object(let event)? = try? JSONParser.parse(request.body), case .string(let id)? = event["id"],
            case .string(let subject)? = event["subject"], case .string(let sequence)? = event["sequence"],
            let number = Int(sequence), let receiver = request.target.pathAndQuery.split(separator: "/").last
        else { return nil }
        return Message(
            receiver: String(receiver), id: id, subject: subject, sequence: number, isReplay: event["replayed"] == .bool(true),
            headers: Dictionary(request.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first }))
    }
}
