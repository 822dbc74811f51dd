import FoundationEssentials
import Locking
import Store

/// What became of an attempt.
enum Receipt: Sendable {
    /// It arrived, with an HTTP status where there is one.
    case delivered(status: Int?, excerpt: [UInt8])
    case failed(Failure)
    /// There was none, for a reason that is no fault of the receiver.
    case unsent(String)

    struct Failure: Sendable {
        var status: Int?
        /// For operators.
        var error: String
        /// What the receiver answered, as far as it was read.
        var excerpt: [UInt8] = []
        /// Milliseconds for which the receiver wants nothing.
        var retryAfter: Int64?
        /// Whether the receiver wants nothing more at all.
        var isGone = false
    }
}

/// Sends one event to one destination, once.
///
/// Threads: any task may use it at any time.
final class Sender: Sendable {
    private let transport: any Transport
    private let secrets: SecretBook
    private let topics: SNSPublisher
    private let timeout: Duration
    private let files = Lock<[String: FileSink]>([:])
    private let targets = Lock<[String: WebTarget]>([:])

    init(_ settings: DeliverySettings, transport: any Transport, secrets: @escaping SecretSource) {
        self.transport = transport
        self.secrets = SecretBook(secrets)
        topics = SNSPublisher(endpoint: settings.snsEndpoint, credentials: settings.snsCredentials)
        timeout = settings.timeout
    }

    func send(_ event: TellingEvent, isReplay: Bool, to destination: DestinationRecord) async -> Receipt {
        do throws(DeliveryFault) {
            switch destination.kind {
            case .webhook: return try await post(event, isReplay, to: destination)
            case .sns: return try await publish(event, isReplay, to: destination)
            case .file:
                try await file(destination.target).append(CloudEvent.json(event, isReplay: isReplay), within: timeout)
                return .delivered(status: nil, excerpt: [])
            }
        } catch {
            return .failed(Receipt.Failure(error: error.description))
        }
    }

    private func post(_ event: TellingEvent, _ isReplay: Bool, to destination: DestinationRecord) async throws(DeliveryFault) -> Receipt {
        let target = try target(destination.target)
        let body = CloudEvent.json(event, isReplay: isReplay)
        let signer: WebhookSigner
        do throws(DeliveryFault) { signer = try await secrets.signer(for: destination.secretOwner) } catch {
            return .unsent(error.description)
        }
        var headers = signer.headers(id: event.id, at: Int64(Date().timeIntervalSince1970), body: body)
        headers.append(("Content-Type", CloudEvent.contentType))
        headers.append(("User-Agent", "weir"))
        if isReplay { headers.append(("weir-replay", "true")) }
        let answer = try await transport.post(Post(target: target, headers: headers, body: body, isTrusted: false), within: timeout)
        return receipt(answer, error: "the receiver answered \(answer.status)", canBeGone: true)
    }

    private func publish(_ event: TellingEvent, _ isReplay: Bool, to destination: DestinationRecord) async throws(DeliveryFault)
        -> Receipt
    {
        let request = try topics.request(.lifecycle(event, isReplay: isReplay), to: destination.target, at: Date())
        let answer = try await transport.post(request, within: timeout)
        let code = SNSPublisher.errorCode(in: answer.excerpt).map { ", \($0)" } ?? ""
        return receipt(answer, error: "publishing was answered by \(answer.status)\(code)", canBeGone: false)
    }

    private func receipt(_ answer: PostAnswer, error: String, canBeGone: Bool) -> Receipt {
        if (200..<300).contains(answer.status) { return .delivered(status: answer.status, excerpt: answer.excerpt) }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        return .failed(
            Receipt.Failure(
                status: answer.status, error: error, excerpt: answer.excerpt,
                retryAfter: answer.retryAfter.flatMap { RetryAfter.milliseconds($0, date: answer.date, now: now) },
                isGone: canBeGone && answer.status == 410))
    }

    /// Taking a URL apart takes as long as signing an event.
    private func target(_ url: String) throws(DeliveryFault) -> WebTarget {
        if let known = targets.withLock({ $0[url] }) { return known }
        do throws(WebTarget.Fault) {
            let target = try WebTarget(url)
            targets.withLock { targets in
                if targets.count >= 1000 { targets = [:] }
                targets[url] = target
            }
            return target
        } catch {
            throw DeliveryFault(error.description)
        }
    }

    private func file(_ path: String) -> FileSink {
        files.withLock { files in
            if let sink = files[path] { return sink }
            let sink = FileSink(path: path)
            files[path] = sink
            return sink
        }
    }

    /// Ends all connections.
    func close() async {
        await transport.close()
    }
}
