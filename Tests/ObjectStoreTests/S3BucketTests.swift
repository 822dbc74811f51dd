import NIOCore
import NIOHTTP1
import Signing
import Testing

@testable import ObjectStore

@Suite("S3 buckets, and stores that fail")
struct S3BucketTests {
    private func settings(_ port: Int) -> S3Settings {
        var settings = S3Settings(
            endpoint: "http://127.0.0.1:\(port)", region: "eu-west-1",
            credentials: Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "not-to-be-seen"))
        settings.limits.attempt = .seconds(60)
        settings.limits.call = .seconds(120)
        settings.limits.firstPause = .milliseconds(2)
        settings.limits.longestPause = .milliseconds(10)
        return settings
    }

    /// Runs `body` with a bucket whose calls go to a faulty store.
    private func with(
        _ change: (inout S3Settings) -> Void = { _ in }, _ body: (S3Bucket, FaultyStore) async throws -> Void
    ) async throws {
        try await FaultyStore.with { store in
            var settings = settings(store.port)
            change(&settings)
            let bucket = try S3Bucket(settings, bucket: "media", prefix: "site-1/")
            do {
                try await body(bucket, store)
            } catch {
                await bucket.close()
                throw error
            }
            await bucket.close()
        }
    }

    /// Why an object of a key is not stored; nil where it is.
    private func failure(putting key: String, in bucket: S3Bucket) async -> BucketFailure? {
        do throws(BucketFailure) {
            try await bucket.put(key, ByteBuffer(string: "x"))
            return nil
        } catch {
            return error
        }
    }

    private func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test("What fails for a moment is tried again: refusals, lost answers, truncated and silent ones")
    func repeats() async throws {
        // Two attempts last that long: one meets silence, one a trickle.
        try await with({ $0.limits.attempt = .seconds(2) }) { bucket, store in
            store.fail([.refusal(500, "InternalError"), .refusal(503, "SlowDown"), .lostAnswer, .silence])
            try await bucket.put("a/b", bytes("content"))
            #expect(store.objects["/media/site-1/a/b"] == bytes("content"))
            #expect(store.seen.count >= 5)

            store.fail([.truncated, .lostAnswer, .refusal(429, "TooManyRequests")])
            #expect(try await bucket.get("a/b", 2..<5) == bytes("nte"))
            // One whose bytes come too slowly for an attempt: fewer than were asked for.
            store.fail([.trickle])
            #expect(try await bucket.get("a/b", 2..<5000) == bytes("ntent"))
            store.fail([.refusal(502, ""), .lostAnswer])
            #expect(try await bucket.size(of: "a/b") == 7)
            // The answer of the first removal is lost; the object is not there for the second.
            store.fail([.lostAnswer])
            try await bucket.remove("a/b")
            #expect(store.objects.isEmpty)
        }
    }

    @Test("Ends once the time for a call is over, with what the store said last")
    func givesUp() async throws {
        try await with({ $0.limits.call = .seconds(2) }) { bucket, store in
            store.fail(Array(repeating: .refusal(503, "SlowDown"), count: 100_000))
            await #expect(throws: BucketFailure.unavailable("\(bucket.name) answered 503 (SlowDown)")) {
                try await bucket.put("a", bytes("x"))
            }
            #expect(!store.seen.isEmpty)
        }
    }

    @Test("What the store will not have is refused at once")
    func refuses() async throws {
        try await with { bucket, store in
            for (status, code) in [(403, "InvalidAccessKeyId"), (404, "NoSuchBucket"), (400, "InvalidRequest"), (301, "PermanentRedirect")]
            {
                store.fail([.refusal(status, code)])
                await #expect(throws: BucketFailure.refused("\(bucket.name) answered \(status) (\(code))")) {
                    try await bucket.put("a", bytes("x"))
                }
            }
            store.fail([.refusal(403, "RequestTimeTooSkewed")])
            #expect(
                await failure(putting: "a", in: bucket)?.description.contains("clock") == true)
            #expect(store.seen.count == 5)
            await #expect(throws: BucketFailure.missing) { _ = try await bucket.get("a", 0..<1) }
            let size = try await bucket.size(of: "a")
            #expect(size == nil)
            for key in ["", "/a", "a//b", "../a", "a/./b", "a/", "\u{e9}", String(repeating: "a", count: 901)] {
                let refusal = await failure(putting: key, in: bucket)
                #expect(refusal?.description.contains("is not one that objects may have") == true)
            }
        }
    }

    @Test("Reads no more than was asked for, whatever comes")
    func bounded() async throws {
        try await with { bucket, store in
            try await bucket.put("a", ByteBuffer(repeating: 7, count: 1 << 20))
            store.fail([.wholeObject])
            #expect(try await bucket.get("a", 0..<100) == ByteBuffer(repeating: 7, count: 100))
            store.fail([.wholeObject])
            await #expect(throws: BucketFailure.refused("\(bucket.name) does not give ranges of objects")) {
                _ = try await bucket.get("a", 10..<100)
            }
            #expect(try await bucket.get("a", (1 << 20) - 2..<2 << 20).readableBytes == 2)
            #expect(try await bucket.get("a", 2 << 20..<3 << 20).readableBytes == 0)
        }
    }

    @Test("A call ends with the task that makes it")
    func cancelled() async throws {
        try await with({ $0.limits.attempt = .seconds(300) }) { bucket, store in
            store.fail([.silence])
            let call = Task { try await bucket.put("a", ByteBuffer(string: "x")) }
            while store.seen.isEmpty { await Task.yield() }
            call.cancel()
            guard case .failure(let error) = await call.result, case .unavailable? = error as? BucketFailure else {
                Issue.record("the call did not end as cancelled")
                return
            }
        }
    }

    @Test("Sends class, type, metadata and checksums; a bucket may be a part of the host's name")
    func attributes() async throws {
        try await with { bucket, store in
            try await bucket.put(
                "a b", bytes("x"),
                ObjectAttributes(contentType: "image/jpeg", storageClass: "STANDARD_IA", metadata: ["aws_kinesisvideo-a": "1"]))
            let seen = try #require(store.seen.first)
            #expect(seen.uri == "/media/site-1/a%20b")
            #expect(seen.headers.first(name: "Content-Type") == "image/jpeg")
            #expect(seen.headers.first(name: "x-amz-storage-class") == "STANDARD_IA")
            #expect(seen.headers.first(name: "x-amz-meta-aws_kinesisvideo-a") == "1")
            #expect(seen.headers.first(name: "Content-MD5") == "ndTkYSaMgDT1yFZOFVxnpg==")
            let signed = "content-md5;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-aws_kinesisvideo-a;x-amz-storage-class"
            #expect(seen.headers.first(name: "Authorization")?.contains("SignedHeaders=\(signed),") == true)
            #expect(!seen.headers.description.contains("not-to-be-seen"))
        }
        let settings = S3Settings(endpoint: nil, region: "eu-west-1", credentials: Credentials(accessKeyID: "A", secretAccessKey: "B"))
        #expect(settings.usesVirtualHosts)
        #expect(try settings.place().authority == "s3.eu-west-1.amazonaws.com")
    }

    @Test("Endpoints and locations")
    func places() {
        func endpoint(_ text: String) -> String? {
            let settings = S3Settings(endpoint: text, region: "r", credentials: Credentials(accessKeyID: "A", secretAccessKey: "B"))
            return try? settings.place().authority
        }
        #expect(endpoint("https://store.example:9000/") == "store.example:9000")
        for wrong in ["store", "ftp://store", "https://", "https://a/b", "https://u@a", "http://a?b"] { #expect(endpoint(wrong) == nil) }
        #expect(BucketLocation("s3://media") == .s3(bucket: "media", prefix: ""))
        #expect(BucketLocation("s3://media/a/b/") == .s3(bucket: "media", prefix: "a/b/"))
        #expect(BucketLocation("file:/srv/media/") == .folder("/srv/media"))
        #expect(BucketLocation("file:///srv/media") == .folder("/srv/media"))
        for wrong in ["", "s3://", "s3://A", "s3://media/../x", "s3:media", "file:media", "file:/", "/srv"] {
            #expect(BucketLocation(wrong) == nil, "\(wrong)")
        }
    }

    @Test("Takes S3's XML apart")
    func xml() {
        let text = XMLText("<R><C><Key>a&amp;b &lt;1&gt;</Key></C><C><Key>b</Key></C><E/></R>")
        #expect(text.elements("C").map { $0.element("Key") } == ["a&b <1>", "b"])
        #expect(text.element("None") == nil)
        #expect(XMLText("<Key>open").element("Key") == nil)
    }
}
