import Client
import Contract
import FoundationEssentials
import NIOCore
import Signing

/// What a client of one stream asks of a deployment.
struct ServiceCalls: Sendable {
    let stream: String
    let control: DeploymentAPI
    let exchange: HTTPClientExchange

    init(_ stream: String, _ settings: ClientSettings, _ exchange: HTTPClientExchange) {
        self.stream = stream
        self.exchange = exchange
        control = DeploymentAPI(endpoint: settings.endpoint, signer: settings.signer, exchange: exchange, userAgent: Self.userAgent)
    }

    private static let userAgent = "weir-media"

    /// Returns whether the stream keeps what it gets; true where the key may not ask.
    func isKept() async throws(CallFailure) -> Bool {
        let answer: JSONObject
        do throws(CallFailure) {
            answer = try await call("DescribeStream", "/describeStream", [])
        } catch .denied {
            return true
        }
        guard case .object(let info) = answer["StreamInfo"], case .integer(let hours) = info["DataRetentionInHours"] else { return true }
        return hours > 0
    }

    /// Returns where an operation of media is to be called.
    func dataAPI(_ name: String) async throws(CallFailure) -> DeploymentAPI {
        let answer = try await call("GetDataEndpoint", "/getDataEndpoint", [("APIName", .string(name))])
        guard case .string(let text) = answer["DataEndpoint"] else { throw .rejected("GetDataEndpoint tells no endpoint") }
        do throws(SettingsFault) {
            return DeploymentAPI(endpoint: try Endpoint(text), signer: control.signer.value, exchange: exchange, userAgent: Self.userAgent)
        } catch {
            throw .rejected(error.description)
        }
    }

    /// Returns the producer's times of the fragments that are stored of this span, in milliseconds since 1970.
    func stored(_ span: ClosedRange<Int>) async throws(CallFailure) -> Set<Int> {
        let api = try await dataAPI("LIST_FRAGMENTS")
        let range = JSONValue.object(
            JSONObject([
                ("EndTimestamp", .number(Double(span.upperBound + 1) / 1000)),
                ("StartTimestamp", .number(Double(span.lowerBound - 1) / 1000)),
            ]))
        let selector = JSONValue.object(
            JSONObject([("FragmentSelectorType", .string("PRODUCER_TIMESTAMP")), ("TimestampRange", range)]))
        var found: Set<Int> = []
        var page: [(key: String, value: JSONValue)] = []
        repeat {
            let body = members([("FragmentSelector", selector), ("MaxResults", .integer(1000))] + page)
            guard let answer = try await api.call("ListFragments", path: "/listFragments", body).object,
                case .array(let fragments) = answer["Fragments"]
            else { throw .unavailable("The answer to ListFragments cannot be read") }
            for case .object(let fragment) in fragments {
                switch fragment["ProducerTimestamp"] {
                case .number(let seconds): found.insert(Int((seconds * 1000).rounded()))
                case .integer(let seconds): found.insert(Int(seconds) * 1000)
                default: continue
                }
            }
            page = []
            if case .string(let token) = answer["NextToken"] { page = [("NextToken", .string(token))] }
        } while !page.isEmpty
        return found
    }

    /// Returns the address of a session of HLS by the producer's clock: LIVE, or ON_DEMAND where a range is given.
    func hls(_ range: ClosedRange<Int>?, expires: Int, most: Int) async throws(CallFailure) -> String {
        let api = try await dataAPI("GET_HLS_STREAMING_SESSION_URL")
        var selector: [(key: String, value: JSONValue)] = [("FragmentSelectorType", .string("PRODUCER_TIMESTAMP"))]
        if let range {
            let times: [(key: String, value: JSONValue)] = [
                ("EndTimestamp", .number(Double(range.upperBound) / 1000)), ("StartTimestamp", .number(Double(range.lowerBound) / 1000)),
            ]
            selector.append(("TimestampRange", .object(JSONObject(times))))
        }
        let body = members([
            ("DisplayFragmentTimestamp", .string("ALWAYS")), ("Expires", .integer(Int64(expires))),
            ("HLSFragmentSelector", .object(JSONObject(selector))), ("MaxMediaPlaylistFragmentResults", .integer(Int64(most))),
            ("PlaybackMode", .string(range == nil ? "LIVE" : "ON_DEMAND")),
        ])
        let answer = try await api.call("GetHLSStreamingSessionURL", path: "/getHLSStreamingSessionURL", body).object
        guard case .string(let url) = answer?["HLSStreamingSessionURL"] else {
            throw .unavailable("The answer to GetHLSStreamingSessionURL cannot be read")
        }
        return url
    }

    /// Sends fragments for as long as `body` has some.
    ///
    /// - Throws: Where the session could not begin, or broke.
    func putMedia(
        _ body: AsyncStream<ByteBuffer>, began: () -> Void, take: (Acknowledgement) -> Void
    ) async throws(CallFailure) {
        let api = try await dataAPI("PUT_MEDIA")
        let headers = [
            RequestSigner.Header("x-amzn-stream-name", stream), RequestSigner.Header("x-amzn-fragment-timecode-type", "ABSOLUTE"),
            RequestSigner.Header("x-amzn-fragment-acknowledgment-required", "1"),
            RequestSigner.Header("x-amzn-producer-start-timestamp", Self.seconds(Date())),
        ]
        var lines = AcknowledgementLines()
        let answer: ReceivedAnswer
        do {
            answer = try await exchange.stream(api.request(path: "/putMedia", headers, []), sending: body, began: began) { part in
                for acknowledgement in lines.read(part.readableBytesView) { take(acknowledgement) }
            }
        } catch {
            throw api.failure(error)
        }
        guard answer.status == 200 else { throw DeploymentAPI.failure("PutMedia", answer) }
    }

    /// Reads media until the server ends it.
    ///
    /// - Parameter selector: The members of a StartSelector.
    func getMedia(_ selector: [(key: String, value: JSONValue)], take: (ByteBuffer) async throws -> Void) async throws {
        let api = try await dataAPI("GET_MEDIA")
        let body = members([("StartSelector", .object(JSONObject(selector)))])
        let request = api.request(path: "/getMedia", [RequestSigner.Header("Content-Type", "application/json")], body)
        let answer = try await exchange.stream(request, sending: nil, began: {}, take: take)
        guard answer.status == 200 else { throw DeploymentAPI.failure("GetMedia", answer) }
    }

    /// Seconds with three digits of fraction.
    static func seconds(_ time: Date) -> String {
        let milliseconds = Int((time.timeIntervalSince1970 * 1000).rounded(.down))
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }

    private func call(_ name: String, _ path: String, _ more: [(key: String, value: JSONValue)]) async throws(CallFailure) -> JSONObject {
        guard let object = try await control.call(name, path: path, members(more)).object else {
            throw .unavailable("The answer to \(name) cannot be read")
        }
        return object
    }

    /// A body that names the stream.
    private func members(_ more: [(key: String, value: JSONValue)]) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(.object(JSONObject(more + [("StreamName", .string(stream))])))
        return writer.bytes
    }
}

extension [UInt8] {
    fileprivate var object: JSONObject? {
        guard case .object(let object) = try? JSONParser.parse(self) else { return nil }
        return object
    }
}
