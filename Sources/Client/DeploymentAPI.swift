package import Contract
package import FoundationEssentials
package import Signing

/// Why a call failed, sorted by what a client does about it. The texts are for the log.
package enum CallFailure: Error, CustomStringConvertible {
    /// No answer, or one that asks to come again later: call again after a back-off.
    case unavailable(String)
    /// The key lacks the right to do this, or the server's certificate is not trusted. Only an operator can help, so call again, but seldom.
    case denied(String)
    /// The deployment has another revision or status than the agent knows of: fetch again.
    case outdated(String)
    /// The deployment refuses this call, and would do so again.
    case rejected(String)

    package var description: String {
        switch self {
        case .unavailable(let text), .denied(let text), .outdated(let text), .rejected(let text): text
        }
    }
}

/// The API of a deployment, as its clients see it. Any number of calls may be under way at once.
package struct DeploymentAPI: Sendable {
    package let endpoint: Endpoint
    package let signer: Current<RequestSigner>
    package let exchange: any Exchange
    let userAgent: String
    /// The clock of the signatures.
    package var now: @Sendable () -> Date = { Date() }

    /// - Parameter userAgent: What the program calls itself.
    package init(endpoint: Endpoint, signer: RequestSigner, exchange: any Exchange, userAgent: String) {
        self.userAgent = userAgent
        self.endpoint = endpoint
        self.signer = Current(signer)
        self.exchange = exchange
    }

    /// Calls an operation, once.
    ///
    /// - Parameter waiting: How long the server may wait before it answers, in seconds.
    package func call<Called: Operation>(
        _ operation: Called.Type, _ input: Called.Input, waiting: Int = 0
    ) async throws(CallFailure) -> Called.Output {
        let contract = Called.contract
        let answer = try await call(contract.name, path: contract.route.path, Called.encodeInput(input), waiting: waiting)
        do throws(UnreadableAnswer) {
            return try Called.decodeOutput(answer)
        } catch {
            throw .unavailable("The answer to \(contract.name) cannot be read: \(error.message)")
        }
    }

    /// Calls an operation by its name and path, once.
    ///
    /// - Returns: The body of the answer.
    package func call(_ name: String, path: String, _ body: [UInt8], waiting: Int = 0) async throws(CallFailure) -> [UInt8] {
        let answer: ReceivedAnswer
        do {
            let request = request(path: path, [RequestSigner.Header("Content-Type", "application/json")], body)
            answer = try await exchange.post(request, within: .seconds(waiting + 15))
        } catch {
            throw failure(error)
        }
        guard answer.status == 200 else { throw Self.failure(name, answer) }
        return answer.body
    }

    /// Returns a request to be posted, signed now.
    package func request(path: String, _ headers: [RequestSigner.Header], _ body: [UInt8]) -> OutgoingRequest {
        let path = endpoint.prefix + path
        let headers = [RequestSigner.Header("Host", endpoint.host)] + headers
        let signature = signer.value.headers(signing: headers, path: path, body: body, at: now())
        return OutgoingRequest(
            url: endpoint.origin + path, headers: headers + signature + [RequestSigner.Header("User-Agent", userAgent)], body: body)
    }

    /// What it means that there was no whole answer.
    package func failure(_ error: any Error) -> CallFailure {
        error is ServerIsNotTrusted
            ? .denied("\(endpoint.origin) is not trusted: \(error)") : .unavailable("\(endpoint.origin) does not answer: \(error)")
    }

    /// What an answer other than success means.
    package static func failure(_ operation: String, _ answer: ReceivedAnswer) -> CallFailure {
        // The service proper appends a namespace to the name.
        let name = answer.errorType?.split(separator: ":").first.map(String.init) ?? "no error type"
        let text = "\(operation): \(answer.status) \(name): \(message(answer.body))"
        let code = ErrorCode(rawValue: name)
        if answer.status >= 500 || [408, 429].contains(answer.status) || code == .throttling || code == .clientLimitExceeded {
            return .unavailable(text)
        }
        if [401, 403].contains(answer.status) { return .denied(text) }
        if code == .versionMismatch || code == .resourceInUse || code == .streamEdgeConfigurationNotFound { return .outdated(text) }
        return .rejected(text)
    }

    /// The message in the body of an error, whichever way it spells the member.
    private static func message(_ body: [UInt8]) -> String {
        guard case .object(let object) = try? JSONParser.parse(body), case .string(let text) = object["Message"] ?? object["message"] else {
            return "\(body.count) bytes that are not an error of this API"
        }
        return String(text.prefix(1000))
    }
}
