import Foundation
import NIOCore
import Testing

@testable import ObjectStore

@Suite("Folders as buckets")
struct FolderBucketTests {
    private func with(_ body: (FolderBucket, String) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "weir-bucket-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(try await FolderBucket(path), path)
    }

    @Test("Stores, replaces, reads ranges, removes")
    func objects() async throws {
        try await with { bucket, path in
            try await bucket.put("hot/r24/a.pack", ByteBuffer(string: "content"))
            try await bucket.put("hot/r24/a.pack", ByteBuffer(string: "other"))
            #expect(try await bucket.size(of: "hot/r24/a.pack") == 5)
            #expect(try await bucket.get("hot/r24/a.pack", 1..<3) == ByteBuffer(string: "th"))
            #expect(try await bucket.get("hot/r24/a.pack", 3..<30) == ByteBuffer(string: "er"))
            #expect(try await bucket.size(of: "hot/r24") == nil)
            await #expect(throws: BucketFailure.missing) { _ = try await bucket.get("hot/none", 0..<1) }
            await #expect(throws: BucketFailure.refused("the key ../a is not one that objects may have")) {
                try await bucket.put("../a", ByteBuffer())
            }
            try await bucket.remove(["hot/r24/a.pack", "hot/r24/none", "no/such"])
            // Empty folders are gone, and nothing half written is left.
            #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [".new"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/.new") == [])
        }
    }

    @Test("Lists in the order of the keys' bytes, as S3 does, page after page")
    func lists() async throws {
        try await with { bucket, path in
            let keys = ["a-b/x", "a/b", "a/c/d", "a0", "b/1", "b/2"]
            for key in keys { try await bucket.put(key, ByteBuffer(string: key)) }
            let sorted = keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect(try await bucket.list(prefix: "", after: "").map(\.key) == sorted)
            #expect(try await bucket.list(prefix: "a/", after: "").map(\.key) == ["a/b", "a/c/d"])
            for key in sorted {
                #expect(
                    try await bucket.list(prefix: "", after: key).map(\.key)
                        == sorted.filter { key.utf8.lexicographicallyPrecedes($0.utf8) })
            }
            for number in 0..<1100 { try await bucket.put("c/\(1000 + number)", ByteBuffer()) }
            let first = try await bucket.list(prefix: "c/", after: "")
            #expect(first.count == 1000)
            #expect(try await bucket.list(prefix: "c/", after: first.last?.key ?? "").count == 100)
        }
    }

    @Test("A store's old temporary files are removed at the start, new ones are not")
    func leftovers() async throws {
        try await with { _, path in
            let manager = FileManager.default
            for name in ["1", "2"] { try Data().write(to: URL(fileURLWithPath: path + "/.new/" + name)) }
            try manager.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: path + "/.new/1")
            _ = try await FolderBucket(path)
            #expect(try manager.contentsOfDirectory(atPath: path + "/.new") == ["2"])
        }
    }
}
