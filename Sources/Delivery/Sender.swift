import FoundationEssentials
import Locking
import Store

/// The outcome of an attempt.
enum AttemptResult: Sendable {
    /// It arrived, with an HTTP status where there is one.
    case delivered(status: Int?, excerpt: [UInt8])
    case failed(Failure)
    /// No attempt was made, for a reason on this side.
    case unsent(String)
    /// The attempt was cut off, since the courier stops.
    case cutShort

    struct Failure: Sendable {
        var status: Int?
        /// For operators.
        var error: String
        /// What the receiver answered, as far as it was read.
        var excerpt: [UInt8] = []
        /// What the receiver asks for.
        var demand: ReceiverDemand?
    }
}

/// What a receiver may ask for with its answer.
enum ReceiverDemand: Sendable, Equatable {
    /// Nothing for so many milliseconds: `Retry-After`.
    case quiet(Int64)
    /// Nothing any more: 410.
    case nothing
}

/// Sends one event to one destination, once.
///
/// Threads: any task may use it at any time.
final class Sender: Sendable {
    private let transport: any Transport
    private let secrets: SecretCache
    private let topics: SNSPublisher
    private let timeout: Duration
    private let files = Lock<[String: FileSink]>([:])
    private let targets = Lock<[String: WebTarget]>([:])

    init(_ settings: DeliverySettings, transport: any Transport, secrets: @escaping SecretSource) {
        self.transport = transport
        self.secrets = SecretCache(secrets)
        topics = SNSPublisher(endpoint: settings.snsEndpoint, credentials: settings.snsCredentials)
        timeout = settings.timeout
    }

    func send(_ event: Event, isReplay: Bool, to destination: DestinationRecord) async -> AttemptResult {
        do throws(DeliveryFault) {
            switch destination.kind {
            case .webhook: return try await post(event, isReplay, to: destination)
            case .sns: return try await publish(event, isReplay, to: destination)
            case .file:
                try await file(destination.target).append(CloudEvent.json(event, isReplay: isReplay), within: timeout)
                return .delivered(status: nil, excerpt: [])
            }
        } catch {
            return error.isOwn ? .unsent(error.description) : .failed(AttemptResult.Failure(error: error.description))
        }
    }

    private func post(_ event: Event, _ isReplay: Bool, to destination: DestinationRecord) async throws(DeliveryFault) -> AttemptResult {
        let target = try target(destination.target)
        let body = CloudEvent.json(event, isReplay: isReplay)
        let signer = try await secrets.signer(for: destination)
        var headers = signer.headers(
            id: WebhookSigner.messageID(of: event.id), at: Int64(Date().timeIntervalSince1970), body: body
        )
        headers.append(("Content-Type", destination.contentType ?? CloudEvent.contentType))
        headers.append(("User-Agent", "weir"))
        if isReplay { headers.append(("weir-replay", "true")) }
        let answer = try await transport.post(Post(target: target, headers: headers, body: body, isTrusted: false), within: timeout)
        return result(answer, error: "the receiver answered \(answer.status)", canBeGone: true)
    }

    private func publish(_ event: Event, _ isReplay: Bool, to destination: DestinationRecord) async throws(DeliveryFault)
        -> AttemptResult
    {
        let request = try topics.request(.of(event, isReplay: isReplay), to: destination.target, at: Date())
        let answer = try await transport.post(request, within: timeout)
        let code = SNSPublisher.errorCode(in: answer.excerpt).map { ", \($0)" } ?? ""
        return result(answer, error: "publishing was answered by \(answer.status)\(code)", canBeGone: false)
    }

    private func result(_ answer: PostAnswer, error: String, canBeGone: Bool) -> AttemptResult {
        if (200..<300).contains(answer.status) { return .delivered(status: answer.status, excerpt: answer.excerpt) }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        return .failed(
            AttemptResult.Failure(
                status: answer.status, error: error, excerpt: answer.excerpt,
                demand: canBeGone && answer.status == 410
                    ? .nothing
                    : answer.retryAfter.flatMap { RetryAfter.milliseconds($0, date: answer.date, now: now) }.map(ReceiverDemand.quiet)))
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

    /// Sockets that are open, unused ones included.
    var sockets: Int { transport.sockets }

    /// Ends all connections.
    func close() async {
        await transport.close()
    }
}
