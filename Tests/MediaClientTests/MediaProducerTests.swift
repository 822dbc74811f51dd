import Client
import Foundation
import Glibc
import Locking
import Matroska
import NIOHTTP1
import Testing

@testable import MediaClient

/// The whole producer against a service of its own, over loopback.
@Suite struct MediaProducerTests {
    private static let start = 1_700_000_000.0

    private func client(_ service: FakeService) throws -> ClientSettings {
        try ClientSettings(
            .init(endpointURL: service.url, region: nil, profile: nil, caFile: nil),
            environment: ["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_REGION": "us-east-1"])
    }

    /// Eight fragments of a second each.
    private static let source: [UInt8] = {
        var writer = Writer()
        writer.ebml()
        writer.segment()
        writer.info(Info())
        writer.tracks([Track(number: 1, kind: .video, codec: "V_VP8"), Track(number: 2, kind: .audio, codec: "A_OPUS")])
        for second in 0..<8 {
            writer.cluster(timecode: second * 1000)
            for step in 0..<10 {
                writer.simpleBlock(track: 1, relativeTime: Int16(step * 100), isKey: step == 0, frame: [UInt8(second), UInt8(step)])
                writer.simpleBlock(track: 2, relativeTime: Int16(step * 100 + 50), isKey: true, frame: [UInt8(second), UInt8(step), 2])
            }
        }
        return writer.bytes
    }()

    /// Sends the source and returns what was told.
    private func put(_ service: FakeService, givingUpAfter: Double? = 60, _ bytes: [UInt8] = source) async throws -> MediaProducer.Progress
    {
        let path = FileManager.default.temporaryDirectory.appending(path: "media-\(UUID().uuidString).mkv").path
        try Data(bytes).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        let settings = MediaProducer.Settings(
            stream: "gate-7", isLive: false, start: Date(timeIntervalSince1970: Self.start), givingUpAfter: givingUpAfter)
        return try await MediaProducer(settings, try client(service), reading: descriptor).run { _ in }
    }

    private func expectAll(_ service: FakeService, _ location: SourceLocation = #_sourceLocation) throws {
        let stored = service.stored
        #expect(stored.keys.sorted() == (0..<8).map { Int(Self.start) * 1000 + $0 * 1000 }, sourceLocation: location)
        #expect(stored.values.allSatisfy { $0.count == 1 }, "each is stored once", sourceLocation: location)
        for (timecode, bytes) in stored {
            let second = UInt8(timecode / 1000 - Int(Self.start))
            let cluster = try Cluster(reading: bytes[0])
            let pictures = cluster.frames.filter { $0.track == 1 }.map { Array(bytes[0][$0.bytes]) }
            #expect(pictures == (0..<10).map { [second, $0] }, sourceLocation: location)
            #expect(cluster.frames.filter { $0.track == 2 }.count == 10, sourceLocation: location)
        }
    }

    @Test func `a file is stored whole`() async throws {
        try await FakeService.serve { service in
            let progress = try await put(service)
            #expect(progress.fragments == 8)
            try expectAll(service)
            let head = try #require(service.state.withLock { $0.heads }.last { $0.uri == "/putMedia" })
            #expect(
                head.headers.first(name: "x-amzn-stream-name") == "gate-7" && head.headers.first(name: "transfer-encoding") == "chunked")
            #expect(head.headers.first(name: "x-amzn-fragment-timecode-type") == "ABSOLUTE")
            let signature = try #require(head.headers.first(name: "Authorization"))
            #expect(
                signature.contains("SignedHeaders=host;x-amz-date;x-amzn-fragment-acknowledgment-required;x-amzn-fragment-timecode-type;"))
            #expect(service.state.withLock { $0.headers.count } == 1)
        }
    }

    @Test func `what a broken connection had stored is not sent again, and what it had not is`() async throws {
        try await FakeService.serve([.breaks(after: 3), .answers(.serviceUnavailable, "later")]) { service in
            let progress = try await put(service)
            #expect(progress.fragments == 8)
            try expectAll(service)
            #expect(service.state.withLock { $0.listings } >= 1)
        }
    }

    @Test func `a refused fragment is the only one that is lost, and the command fails`() async throws {
        try await FakeService.serve([.refuses(id: 4001)]) { service in
            let failure = await #expect(throws: MediaProducer.Failure.self) { try await put(service) }
            #expect(failure?.description == "1 fragments were refused")
            #expect(service.stored.keys.sorted() == (1..<8).map { Int(Self.start) * 1000 + $0 * 1000 })
        }
    }

    @Test func `what the service will never take fails at once, and so does what nobody serves`() async throws {
        try await FakeService.serve([.answers(.notFound, "no such stream")]) { service in
            let failure = await #expect(throws: MediaProducer.Failure.self) { try await put(service) }
            #expect(failure?.description == "PutMedia: 404 Scripted: no such stream")
            #expect(service.stored.isEmpty)
        }
        try await FakeService.serve(Array(repeating: .answers(.serviceUnavailable, "later"), count: 100)) { service in
            let failure = await #expect(throws: MediaProducer.Failure.self) { try await put(service, givingUpAfter: 0.1) }
            #expect(failure?.description.hasPrefix("gave up after 0 seconds: PutMedia: 503") == true)
        }
    }

    @Test func `a stream that keeps nothing takes all, too`() async throws {
        try await FakeService.serve(retention: 0) { service in
            #expect(try await put(service).fragments == 8)
            try expectAll(service)
        }
    }

    @Test func `a source that breaks off is stored up to there, and told`() async throws {
        try await FakeService.serve { service in
            let failure = await #expect(throws: MediaProducer.Failure.self) { try await put(service, Array(Self.source.dropLast(10))) }
            #expect(failure?.description.contains("breaks off") == true)
            #expect(service.stored.count == 8)
        }
    }

    @Test func `a pipe is sent as it comes, and stopping ends it well`() async throws {
        try await FakeService.serve { service in
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            let (reading, writing) = (ends[0], ends[1])
            defer { [reading, writing].forEach { close($0) } }
            let producer = MediaProducer(
                MediaProducer.Settings(stream: "gate-7", isLive: true), try client(service), reading: reading)
            let run = Task { try await producer.run { _ in } }
            let before = Date().timeIntervalSince1970
            #expect(Self.source.withUnsafeBytes { write(writing, $0.baseAddress, $0.count) } == Self.source.count)
            // The last fragment is open for as long as the pipe is, and the one before until its sound cannot come any more.
            let deadline = ContinuousClock.now + .seconds(60)
            while service.stored.count < 6, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(10)) }
            producer.stop()
            #expect(try await run.value.fragments == 8)
            let first = try #require(service.stored.keys.min())
            #expect(Double(first) / 1000 >= before.rounded(.down) && Double(first) / 1000 <= Date().timeIntervalSince1970)
        }
    }
}

@Suite struct DocumentJoinerTests {
    @Test func `many documents become one, without the service's tags`() throws {
        func document(_ number: Int) -> (served: [UInt8], cluster: [UInt8], header: [UInt8]) {
            var header = Writer()
            header.ebml()
            header.segment()
            header.info(Info(title: "t"))
            header.tracks([Track(number: 1, kind: .video, codec: "V_VP8")])
            var cluster = Writer()
            cluster.cluster(timecode: number)
            cluster.simpleBlock(track: 1, relativeTime: 0, isKey: true, frame: [UInt8(number)])
            cluster.tags([Tag("mine", "1")])
            var before = Writer()
            before.tags([Tag("AWS_KINESISVIDEO_FRAGMENT_NUMBER", "\(number)")])
            var after = Writer()
            after.tags([Tag("AWS_KINESISVIDEO_CONTINUATION_TOKEN", "\(number)"), Tag("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", "0")])
            return (header.bytes + before.bytes + cluster.bytes + after.bytes, cluster.bytes, header.bytes)
        }
        let documents = (1...3).map(document)
        let served = documents.flatMap(\.served)
        for size in [1, 13, 100_000] {
            var joiner = DocumentJoiner()
            var joined: [UInt8] = []
            var rest = served[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(size))
                joined += try joiner.read(piece.span)
                rest = rest.dropFirst(size)
            }
            try joiner.finish()
            #expect(joiner.fragments == 3 && joiner.documents == 1)
            let header = try TrackSet(reading: documents[0].header)
            #expect(joined == header.document + documents.flatMap(\.cluster))
        }
    }

    @Test func `an error that the service tells is one`() throws {
        var writer = Writer()
        writer.ebml()
        writer.segment()
        writer.tags([Tag("AWS_KINESISVIDEO_ERROR_CODE", "3002"), Tag("AWS_KINESISVIDEO_ERROR_ID", "x")])
        var joiner = DocumentJoiner()
        let bytes = writer.bytes
        #expect(throws: MediaProducer.Failure.self) { _ = try joiner.read(bytes.span) }
    }
}
