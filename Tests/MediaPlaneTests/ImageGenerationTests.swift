import Contract
import Foundation
import FragmentStore
import Matroska
import NIOCore
import ObjectStore
import SQL
import Signing
import TestSupport
import Testing

@testable import MediaPlane
@testable import Store

/// What image generation makes of tags and configurations, and how its work is handed out.
@Suite struct ImageGenerationTests {
    // MARK: When

    @Test func `images follow at the interval, and begin anew after a pause`() {
        var clock = ImageClock()
        // A fragment each second, with frames up to 960 ms: 0, 400, 800; 1200, 1600; 2000, 2400, 2800.
        #expect(clock.first(from: 10_000, length: 960, interval: 400) == 0)
        #expect(clock.first(from: 11_000, length: 960, interval: 400) == 200)
        // Due while the last frame of the one before is seen: the first frame of this one takes its place, and the interval goes on.
        #expect(clock.first(from: 12_010, length: 960, interval: 400) == -10)
        #expect(clock.first(from: 13_000, length: 960, interval: 400) == 200)
        // One that is not tagged lies between.
        #expect(clock.first(from: 15_000, length: 960, interval: 400) == 0)
        // The clock goes back, or another selector is chosen.
        #expect(clock.first(from: 5000, length: 960, interval: 400) == 0)
        #expect(clock.first(from: 1_700_000_000_000, length: 960, interval: 400) == 0)
    }

    @Test func `an interval that is longer than fragments leaves some out`() {
        var clock = ImageClock()
        let firsts = (0..<7).map { clock.first(from: 1000 * $0, length: 960, interval: 3000) }
        #expect(firsts == [0, nil, nil, 0, nil, nil, 0])
        clock = ImageClock()
        #expect(clock.first(from: 7000, length: 0, interval: ImageClock.longestInterval) == 0)
        #expect(clock.first(from: 8000, length: 100, interval: ImageClock.longestInterval) == nil)
    }

    @Test func `times at the end of time are no images`() {
        var clock = ImageClock()
        #expect(clock.first(from: .max - 10, length: 100, interval: 200) == nil)
        #expect(clock.first(from: .max - 300, length: 200, interval: 200) == nil)
        #expect(clock.first(from: 0, length: .max, interval: 200) == nil)
        #expect(clock.first(from: 0, length: -5, interval: 200) == 0)
    }

    // MARK: Names

    private let stream = StoredStream(
        id: 1, key: ResourceKey(.stream, account: Fixture.account, region: Fixture.region, name: "gate", creationTime: 1),
        arn: "arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate/1", retentionHours: 1, storageTier: "HOT", imageGeneration: nil,
        now: 1)
    private let number = FragmentNumber("91343852333181486911561392739977168453738419308")

    private func key(_ prefix: String?, _ moment: Int64 = 1_690_707_290_324, _ format: Format = .jpeg) throws -> String {
        ImageTags(prefix.map { [Matroska.Tag(Matroska.Tag.imagePrefix, $0)] } ?? []).key(stream, try #require(number), at: moment, format)
    }

    @Test func `names are those that are documented`() throws {
        let name = try key(nil)
        let form = try Regex(
            "\(Fixture.account)_gate_1690707290324_[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\\.jpg")
        #expect(name.wholeMatch(of: form) != nil, "\(name)")
        #expect(try key(nil) == name && key("north") == "north_" + name)
        #expect(try key(nil, 1_690_707_290_524).suffix(40) != name.suffix(40))
        #expect(try key(nil, 1_690_707_290_324, .png) == name.replacing(".jpg", with: ".png"))
    }

    @Test(arguments: [
        ("a/b", "a/b_"), ("/a//b/", "a/b/_"), ("../../etc", "_./_./etc_"), (".hidden", "_hidden_"), ("a b+c=d~e", "a b+c=d~e_"),
        ("ü?*", "_____"), ("\u{0}\n", "___"), ("", ""), ("//", "_"),
    ])
    func `prefixes lead nowhere else`(_ prefix: String, _ beginning: String) throws {
        let plain = try key(nil)
        #expect(try key(prefix) == beginning + plain)
    }

    @Test func `names of files are as long as file systems take, and keep their end`() throws {
        let prefix = String(repeating: "p", count: 256)
        let tags = ImageTags([Matroska.Tag(Matroska.Tag.imagePrefix, "a/" + prefix)])
        let name = tags.key(stream, try #require(number), at: 1_690_707_290_324, .jpeg, longestName: 255)
        let plain = try key(nil)
        #expect(name == "a/" + String(repeating: "p", count: 254 - plain.utf8.count) + "_" + plain)
        #expect(try key(prefix) == prefix + "_" + plain)
    }

    // MARK: Metadata

    private func metadata(_ tags: [(String, String)]) throws -> [String: String] {
        let tags = try #require(ImageTags(json: ImageTags(tags.map { Matroska.Tag($0.0, $0.1) }).json))
        return tags.metadata(try #require(number), producerTime: 5, serverTime: 6)
    }

    private let documented = [
        "aws_kinesisvideo_fragment_number": "91343852333181486911561392739977168453738419308", "aws_kinesisvideo_producer_timestamp": "5",
        "aws_kinesisvideo_server_timestamp": "6",
    ]

    @Test func `the producer's tags are kept with an image, and no tag of the service`() throws {
        let found = try metadata([
            ("AWS_KINESISVIDEO_IMAGE_GENERATION", ""), ("AWS_KINESISVIDEO_IMAGE_PREFIX", "p"), ("Plate No", "AB 1"), ("Plate No", "CD 2"),
            ("city", "Zürich"), ("line", "a\r\nb"), ("empty", ""), ("edge", " x"), ("aws_kinesisvideo_server_timestamp", "7"),
        ])
        let own = ["plate_no": "AB 1", "city": "Z%C3%BCrich", "line": "a%0D%0Ab", "empty": "", "edge": "%20x"]
        #expect(found == documented.merging(own) { first, _ in first })
    }

    @Test func `metadata has no more bytes than stores keep`() throws {
        let tags = (0..<10).map { ("key\($0)" + String(repeating: "k", count: 124), String(repeating: "v", count: 256)) }
        let found = try metadata(tags)
        #expect(found.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count } <= 2048)
        #expect(found.count == documented.count + 4)
        // What is encoded counts as it is sent.
        #expect(try metadata([("key", String(repeating: "\u{1}", count: 256)), ("b", "c")])["key"]?.utf8.count == 768)
    }

    // MARK: Destinations

    private func destination(_ uri: String) -> ImageGenerationDestinationConfig {
        ImageGenerationDestinationConfig(destinationRegion: "us-east-1", uri: uri)
    }

    @Test func `destinations are buckets of the store and folders in the folder`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-images-\(UInt64.random(in: 0 ... .max))").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var stores = ImageStores()
        stores.folder = folder
        stores.s3 = S3Settings(
            endpoint: "http://127.0.0.1:1", region: "", credentials: .init(accessKeyID: "key", secretAccessKey: "secret"))
        stores.mediaBucket = "media"
        let destinations = ImageDestinations(stores)
        for (uri, name, prefix) in [
            ("s3://pictures", "s3://pictures/ at 127.0.0.1:1", ""), ("s3:pictures/a/b/", "s3://pictures/a/b/ at 127.0.0.1:1", ""),
            ("file://site/north", "file:\(folder)", "site/north/"), ("file:site", "file:\(folder)", "site/"),
        ] {
            let found = try await destinations.bucket(of: destination(uri))
            #expect(found.bucket.name == name && found.prefix == prefix, "\(uri)")
        }
        for uri in ["s3://media", "s3://media/images", "s3://Bucket_", "s3://p", "ftp://pictures", "https://pictures/x", "pictures"] {
            await #expect(throws: BucketFailure.self, "\(uri)") { try await destinations.bucket(of: destination(uri)) }
        }
        let (bucket, prefix, longest) = try await destinations.bucket(of: destination("file://../../escape"))
        #expect(longest == 255)
        await #expect(throws: BucketFailure.self) { try await bucket.put(prefix + "x.jpg", .init(string: "x")) }
        await destinations.close()
    }

    @Test func `what is not configured is no destination`() async {
        let destinations = ImageDestinations(ImageStores())
        for uri in ["s3://pictures", "file://site"] {
            await #expect(throws: BucketFailure.self, "\(uri)") { try await destinations.bucket(of: destination(uri)) }
        }
    }

    // MARK: Work

    private static let configuration = """
        {"DestinationConfig":{"DestinationRegion":"us-east-1","Uri":"file://site"},"Format":"JPEG","ImageSelectorType":"SERVER_TIMESTAMP",\
        "SamplingInterval":200,"Status":"ENABLED"}
        """

    private static let gate = ResourceKey(.stream, account: Fixture.account, region: Fixture.region, name: "gate")

    /// A stream with a fragment that has a tag and one that has none, and what came of it.
    private func film(_ fixture: MediaFixture, configuration: String?) async throws {
        _ = try await fixture.store.createActive("gate")
        _ = try await fixture.store.setImageGeneration(
            Self.gate, configuration, needsRetention: false, .fresh("UpdateImageGenerationConfiguration"))
        try await film(fixture)
    }

    private func film(_ fixture: MediaFixture) async throws {
        var film = Film()
        let start = Int(Date.now.timeIntervalSince1970 * 1000) - 60_000
        film.cluster(start)
        film.tags([(Matroska.Tag.imageGeneration, ""), ("plate", "AB 1")])
        film.cluster(start + 2000)
        #expect(try await fixture.put(film).stored.count == 2)
    }

    @Test(arguments: Engine.allCases) func `work is handed out once, and again when its lease has ended`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            try await film(fixture, configuration: Self.configuration)
            let (store, clock) = (fixture.store, fixture.database.clock)
            let storeID = try #require(fixture.fragments.storeID)
            func claim() async throws -> [ImageWork] {
                try await store.claimImages(storeID: storeID, lease: 30_000, longestWait: 1_200_000, limit: 8)
            }
            #expect(try await store.claimImages(storeID: "other", lease: 30_000, longestWait: 1_200_000, limit: 8).isEmpty)
            let first = try #require(try await claim().first)
            #expect(first.first == 0 && first.interval == 200 && first.tags == #"{"plate":"AB 1"}"# && first.attempt == 1)
            #expect(try await claim().isEmpty)
            try clock.advance(by: 20_000)
            try await store.renew(first, lease: 30_000)
            try clock.advance(by: 20_000)
            #expect(try await claim().isEmpty)
            #expect(try #require(try await store.nextImagesDue(storeID: storeID)) > 0)
            try clock.advance(by: 20_000)
            let second = try #require(try await claim().first)
            #expect(second.attempt == 2 && second.age >= 60_000)
            // Who was late changes nothing.
            try await store.renew(first, lease: 900_000)
            try await store.postpone(first, for: 900_000, "late")
            let stream = try #require(try await store.mediaStream(ofID: first.streamID))
            #expect(try await !store.finish(first, of: stream, .failed(reason: "MEDIA_ERROR"), at: 1))
            #expect(try await store.imageBacklog(limit: 10).count == 1)
            try await store.postpone(second, for: 5000, "the store is away")
            #expect(try await claim().isEmpty)
            #expect(try await store.removeImages(olderThan: 120_000, limit: 10) == 0)
            // A clock that was ahead has put it off.
            try clock.advance(by: -86_400_000)
            let third = try #require(try await claim().first)
            #expect(try await store.finish(third, of: stream, .unwanted, at: 1))
            #expect(try await store.nextImagesDue(storeID: storeID) == nil)
            #expect(try await store.imageBacklog(limit: 10) == ImageBacklog(count: 0, oldestAge: 0))
        }
    }

    @Test(arguments: Engine.allCases) func `work that nobody can do goes with time, and with its stream`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            try await film(fixture, configuration: Self.configuration)
            try fixture.database.clock.advance(by: 3_600_001)
            #expect(try await fixture.store.removeImages(olderThan: 3_600_000, limit: 10) == 1)
            try await film(fixture)
            try await film(fixture)
            #expect(try await fixture.store.imageBacklog(limit: 10).count == 2)
            try await fixture.store.deleteAtOnce(Self.gate)
            #expect(try await fixture.store.imageBacklog(limit: 10).count == 0)
        }
    }

    @Test(arguments: Engine.allCases) func `failures of a stream are told once an hour`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            try await film(fixture, configuration: Self.configuration)
            let (store, clock) = (fixture.store, fixture.database.clock)
            let storeID = try #require(fixture.fragments.storeID)
            let stream = try #require(try await fixture.fragments.stream(Self.gate))
            var told: [Int] = []
            for wait: Int64 in [0, 3_599_000, 2000] {
                try clock.advance(by: wait)
                let work = try #require(
                    try await store.claimImages(storeID: storeID, lease: 1, longestWait: 1_200_000, limit: 8).first)
                _ = try await store.finish(work, of: stream, .failed(reason: "MEDIA_ERROR"), at: clock.now)
                let events = try await store.events(of: stream.arn + "/media").filter { $0.type == "ImageGenerationFailed" }
                #expect(events.allSatisfy { $0.status == "MEDIA_ERROR" })
                told.append(events.count)
                try await film(fixture)
            }
            #expect(told == [1, 1, 2])
        }
    }

    @Test(arguments: ["DISABLED", nil]) func `nothing is ordered where nothing is wanted`(_ status: String?) async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            try await film(fixture, configuration: status.map { Self.configuration.replacing("ENABLED", with: $0) })
            #expect(try await fixture.store.imageBacklog(limit: 10).count == 0)
        }
    }
}
