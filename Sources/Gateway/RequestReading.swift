import Contract
import HTTPTypes
import HummingbirdCore
import NIOCore

// The limits that a request meets before anything of it is understood.
extension Gateway {
    /// Whether the request itself says that its body is larger than what is read.
    func isTooLarge(_ head: HTTPRequest) -> Bool {
        guard let length = head.headerFields[.contentLength].flatMap({ Int($0) }) else { return false }
        return length > configuration.bodyLimit
    }

    /// Reads the whole body, within the limits of size and time.
    func read(_ exchange: inout Exchange) async throws(OperationError) -> ByteBuffer {
        let head = exchange.request.head
        if exchange.operation == nil { try refuseMedia(head, &exchange) }
        if let encoding = head.headerFields[.contentEncoding], encoding.lowercased() != "identity" {
            exchange.mustClose = true
            throw OperationError(
                .malformedHTTPRequest, "The request has a Content-Encoding, which is not undone here: send the body as it is.")
        }
        if isTooLarge(head), head.headerFields[.expect] != nil {
            // The client holds the body back until it is told to go on, which it is not.
            exchange.mustClose = true
            throw tooLarge
        }
        var parts = exchange.request.body.makeAsyncIterator()
        var body = ByteBuffer()
        do {
            while var part = try await parts.next() {
                if isTooLarge(head) || body.readableBytes + part.readableBytes > configuration.bodyLimit {
                    exchange.mustClose = try await !isOver(&parts)
                    throw tooLarge
                }
                if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
                try hold(body.readableBytes, &exchange)
            }
        } catch {
            throw refusal(error, &exchange)
        }
        return body
    }

    /// Lets a body that is too large run out, so that a client which only reads after it has written gets its answer; false where it does not end
    /// within a bound.
    private func isOver(_ parts: inout RequestBody.AsyncIterator) async throws -> Bool {
        var left = 16 * configuration.bodyLimit
        while let part = try await parts.next() {
            left -= part.readableBytes
            if left < 0 { return false }
        }
        return true
    }

    /// Keeps account of the bodies that are larger than calls ever need.
    private func hold(_ bytes: Int, _ exchange: inout Exchange) throws(OperationError) {
        guard bytes > 65_536 else { return }
        guard bodyBudget.take(bytes - exchange.heldBytes) else {
            exchange.mustClose = true
            throw OperationError(.serviceUnavailable, "Too many large requests are arriving at once. Try again.")
        }
        exchange.heldBytes = bytes
    }

    private var tooLarge: OperationError {
        OperationError(.requestEntityTooLarge, "The request body is larger than \(configuration.bodyLimit) bytes, the most that is read.")
    }

    private func refusal(_ error: any Error, _ exchange: inout Exchange) -> OperationError {
        if let error = error as? OperationError { return error }
        exchange.mustClose = true
        if error is RequestTimedOut {
            return OperationError(
                .requestTimeout, "The request did not arrive within \(configuration.arrivalLimit.nanoseconds / 1_000_000_000) seconds.")
        }
        return OperationError(.malformedHTTPRequest, "The request body cannot be read as HTTP.")
    }

    /// A path of the data or signaling plane gets a plain word at once: such requests may stream a body without end.
    private func refuseMedia(_ head: HTTPRequest, _ exchange: inout Exchange) throws(OperationError) {
        switch head.pathWithoutQuery {
        case "/putMedia", "/getMedia", "/listFragments", "/getMediaForFragmentList", "/getHLSStreamingSessionURL",
            "/getDASHStreamingSessionURL", "/getClip", "/getImages", "/v1/get-ice-server-config", "/v1/send-alexa-offer-to-master",
            "/joinStorageSession", "/joinStorageSessionAsViewer":
            exchange.mustClose = true
            throw OperationError(
                .unknownOperation,
                "\(head.pathWithoutQuery) belongs to the data or signaling plane, and this deployment serves no media yet: only the control plane."
            )
        default: return
        }
    }
}
