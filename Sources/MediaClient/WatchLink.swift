package import Client
package import FoundationEssentials

/// Makes the link to the page that plays a stream in a browser: the addresses of sessions, LIVE and ON_DEMAND, for its part behind `#`, which
/// browsers keep to themselves.
package struct WatchLink: Sendable {
    /// A link, and what is to be said of it.
    package struct Made: Sendable {
        package let url: String
        package let notices: [String]
    }

    private let stream: String
    private let client: ClientSettings

    package init(stream: String, _ client: ClientSettings) {
        self.stream = stream
        self.client = client
    }

    /// A playlist lists no more: what is stored takes a session for each so many fragments.
    private static let most = 5000
    private static let day = 86_400_000

    /// - Parameters:
    ///   - start: When what is recorded begins, by the producer's clock; a day ago where it is nil.
    ///   - end: When it ends; nil for what comes until the link expires, and for what comes in now.
    ///   - expires: Seconds that the link is good for, from 300 to 43,200.
    /// - Throws: `CallFailure`, or `MediaProducer.Failure` where there is nothing to be played.
    package func make(from start: Date?, to end: Date?, expires: Int) async throws -> Made {
        try await HTTPClientExchange.open(caFile: client.caFile) { exchange in
            let calls = ServiceCalls(stream, client, exchange)
            let now = Int(Date().timeIntervalSince1970 * 1000)
            let last = end.map(Self.milliseconds) ?? now + expires * 1000
            let first = start.map(Self.milliseconds) ?? min(last, now) - Self.day
            guard first < last else { throw MediaProducer.Failure(description: "the range ends before it begins") }
            var (tokens, page, notices): ([String], String?, [String]) = ([], nil, [])
            func add(_ name: String, _ range: ClosedRange<Int>?, _ missing: String) async throws(CallFailure) {
                do throws(CallFailure) {
                    let url = try await calls.hls(range, expires: expires, most: range == nil ? 20 : Self.most)
                    let parts = url.split(separator: "/hls/v1/getHLSMasterPlaylist.m3u8?SessionToken=", maxSplits: 1)
                    guard parts.count == 2 else { throw .unavailable("GetHLSStreamingSessionURL tells an address of another kind") }
                    tokens.append("\(name)=\(parts[1])")
                    page = parts[0] + "/watch"
                } catch .rejected(let text) {
                    notices.append("\(missing): \(text)")
                }
            }
            if end == nil { try await add("live", nil, "nothing is live") }
            let times = try await calls.stored(first...last).sorted()
            for (index, at) in stride(from: 0, to: times.count, by: Self.most).enumerated() {
                let next = (index + 1) * Self.most
                let until = next < times.count ? times[next] - 1 : last
                try await add("recorded", times[at]...min(until, times[at] + Self.day), "some of what is stored cannot be played")
            }
            guard let page else {
                throw MediaProducer.Failure(
                    description: (["there is nothing of the stream \(stream) to be played"] + notices).joined(separator: "; "))
            }
            return Made(url: "\(page)#\(tokens.joined(separator: "&"))", notices: notices)
        }
    }

    private static func milliseconds(_ date: Date) -> Int { Int((date.timeIntervalSince1970 * 1000).rounded()) }
}
