package import Client
import Contract
package import FoundationEssentials
import Matroska
import NIOCore

/// Reads media of a stream by GetMedia and makes one Matroska document of the many that the service sends.
package struct MediaReader: Sendable {
    /// Where reading starts: the StartSelector of GetMedia.
    package enum Start: Sendable {
        case now, earliest
        case serverTime(Date)
        case producerTime(Date)
        case after(fragment: String)
    }

    private let stream: String
    private let client: ClientSettings

    package init(stream: String, _ client: ClientSettings) {
        self.stream = stream
        self.client = client
    }

    /// Reads until the server ends it, and passes on what players take for a file.
    ///
    /// - Returns: How many fragments came, and how many documents were made of them.
    /// - Throws: `MediaProducer.Failure`, or `CallFailure`; what was passed on until then is whole but for its last fragment.
    package func run(
        from start: Start, _ write: @Sendable (consuming [UInt8]) throws -> Void
    ) async throws -> (fragments: Int, documents: Int) {
        try await HTTPClientExchange.open(caFile: client.caFile, silence: nil) { exchange in
            var joiner = DocumentJoiner()
            try await ServiceCalls(stream, client, exchange).getMedia(Self.selector(start)) { part in
                let bytes = try joiner.read(part.readableBytesUInt8Span)
                if !bytes.isEmpty { try write(bytes) }
            }
            try joiner.finish()
            return (joiner.fragments, joiner.documents)
        }
    }

    private static func selector(_ start: Start) -> [(key: String, value: JSONValue)] {
        func selector(_ type: String, _ more: (key: String, value: JSONValue)...) -> [(key: String, value: JSONValue)] {
            more + [("StartSelectorType", .string(type))]
        }
        switch start {
        case .now: return selector("NOW")
        case .earliest: return selector("EARLIEST")
        case .serverTime(let time): return selector("SERVER_TIMESTAMP", ("StartTimestamp", .number(time.timeIntervalSince1970)))
        case .producerTime(let time): return selector("PRODUCER_TIMESTAMP", ("StartTimestamp", .number(time.timeIntervalSince1970)))
        case .after(let fragment): return selector("FRAGMENT_NUMBER", ("AfterFragmentNumber", .string(fragment)))
        }
    }
}

/// Makes one document of those that follow each other with the same tracks, and leaves out the service's own tags.
struct DocumentJoiner {
    private var parser = Parser(.served)
    private var header: TrackSet?
    private(set) var fragments = 0
    private(set) var documents = 0

    /// Returns what these bytes add to the document.
    mutating func read(_ bytes: Span<UInt8>) throws(MediaProducer.Failure) -> [UInt8] {
        var joined: [UInt8] = []
        while let event = parser.next(in: bytes) {
            switch event {
            case .header(let found):
                // A player takes no other tracks in the middle of a file; what follows is a document of its own.
                if header?.tracks != found.tracks || header?.info.timecodeScale != found.info.timecodeScale {
                    joined += found.document
                    documents += 1
                }
                header = found
            case .fragmentStart(let start): joined += start.head
            case .bytes(let held, let range):
                joined += held
                bytes.extracting(range).withUnsafeBufferPointer { joined += $0 }
            case .tags(let tags):
                if let code = tags.entries.first(where: { $0.name == "AWS_KINESISVIDEO_ERROR_CODE" })?.value {
                    let id = tags.entries.first { $0.name == "AWS_KINESISVIDEO_ERROR_ID" }?.value ?? ""
                    throw MediaProducer.Failure(description: "the server ended it: \(id) \(code)")
                }
                if !tags.entries.allSatisfy({ $0.name.hasPrefix("AWS_") }) { joined += tags.bytes }
            case .fragmentEnd: fragments += 1
            case .violation(let violation): throw MediaProducer.Failure(description: "what the server sent is not Matroska: \(violation)")
            case .block, .end: continue
            }
        }
        return joined
    }

    /// All has come.
    mutating func finish() throws(MediaProducer.Failure) {
        for event in parser.finish() {
            switch event {
            case .fragmentEnd: fragments += 1
            case .violation(let violation): throw MediaProducer.Failure(description: "what the server sent breaks off: \(violation)")
            case .header, .fragmentStart, .block, .bytes, .tags, .end: continue
            }
        }
    }
}
