public import FoundationEssentials
public import NIOCore

/// Objects by their keys: a bucket of an S3-compatible store, or a folder of this machine or a shared file system.
///
/// Keys are relative to what the bucket was made with: letters, digits and `- . _ / ~ = +` and space, segments between slashes that are neither empty
/// nor begin with a dot, at most 900 bytes. An object is there whole or not at all. A call tries again by itself what may succeed then.
///
/// Threads: any task may call any method at any time. A cancelled task's call ends with `unavailable`.
public protocol Bucket: Sendable {
    /// Where it is, for operators.
    var name: String { get }
    /// Stores an object in the place of one of the same key; when this returns it is durable, as far as the store promises that.
    func put(_ key: String, _ bytes: ByteBuffer, _ attributes: ObjectAttributes) async throws(BucketFailure)
    /// The bytes of a range of an object; of one of which less is there only those.
    func get(_ key: String, _ range: Range<Int64>) async throws(BucketFailure) -> ByteBuffer
    /// The size of an object in bytes; nil where there is none.
    func size(of key: String) async throws(BucketFailure) -> Int64?
    /// Removes objects; those that are not there are no failure.
    func remove(_ keys: [String]) async throws(BucketFailure)
    /// At most 1,000 objects whose keys begin with `prefix`, after a key, in the order of the keys' bytes. Fewer: there are no more.
    func list(prefix: String, after key: String) async throws(BucketFailure) -> [StoredObject]
    /// Ends its connections, and the calls that are under way. To be called by whoever made the bucket, once it is of no use any more.
    func close() async
}

extension Bucket {
    public func put(_ key: String, _ bytes: ByteBuffer) async throws(BucketFailure) { try await put(key, bytes, ObjectAttributes()) }
    public func remove(_ key: String) async throws(BucketFailure) { try await remove([key]) }
}

/// What is kept with an object. A folder keeps none of it.
public struct ObjectAttributes: Sendable, Hashable {
    /// As in `image/jpeg`.
    public var contentType: String?
    /// As in `STANDARD_IA`; nil: the bucket's own.
    public var storageClass: String?
    /// What is sent as `x-amz-meta-NAME`. Names are letters, digits, hyphens and underscores; values are printable ASCII.
    public var metadata: [String: String] = [:]

    public init(contentType: String? = nil, storageClass: String? = nil, metadata: [String: String] = [:]) {
        self.contentType = contentType
        self.storageClass = storageClass
        self.metadata = metadata
    }
}

/// An object as it is listed.
public struct StoredObject: Sendable, Hashable {
    public let key: String
    /// Bytes.
    public let size: Int64
    public let modified: Date
}

/// Why a bucket did not do what it was asked to. The texts are for operators and hold no secret.
public enum BucketFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no object of this key.
    case missing
    /// The store does not want it, and will not if asked again: keys, rights, the clock, a bucket that is not there.
    case refused(String)
    /// It could not be done within the time there is; whether it happened is not known.
    case unavailable(String)

    public var description: String {
        switch self {
        case .missing: "there is no such object"
        case .refused(let text), .unavailable(let text): text
        }
    }
}

/// Where objects are to be: `s3://BUCKET` or `s3://BUCKET/PREFIX`, `file:/FOLDER` or `file:///FOLDER`.
public enum BucketLocation: Sendable, Hashable, CustomStringConvertible {
    /// The prefix is empty or ends in a slash.
    case s3(bucket: String, prefix: String)
    case folder(String)

    public init?(_ text: String) {
        if text.hasPrefix("s3://") {
            let parts = text.dropFirst(5).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let bucket = parts.first, (3...63).contains(bucket.utf8.count), bucket.utf8.allSatisfy(Self.isBucketByte) else {
                return nil
            }
            var prefix = parts.count > 1 ? String(parts[1]) : ""
            while prefix.hasSuffix("/") { prefix.removeLast() }
            guard prefix.isEmpty || ObjectKey.isValid(prefix) else { return nil }
            self = .s3(bucket: String(bucket), prefix: prefix.isEmpty ? "" : prefix + "/")
        } else if text.hasPrefix("file:/") {
            var path = text.dropFirst(5)
            if path.hasPrefix("//") { path = path.dropFirst(2) }
            while path.count > 1, path.hasSuffix("/") { path.removeLast() }
            guard path.hasPrefix("/"), path.utf8.count > 1, !path.hasPrefix("//"), !path.utf8.contains(0) else { return nil }
            self = .folder(String(path))
        } else {
            return nil
        }
    }

    private static func isBucketByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: false
        }
    }

    public var description: String {
        switch self {
        case .s3(let bucket, let prefix): "s3://\(bucket)/\(prefix)"
        case .folder(let path): "file:\(path)"
        }
    }
}

/// What keys may be, so that they are the same in every store, in a path of a file system and in a URL.
enum ObjectKey {
    static func isValid(_ key: String) -> Bool {
        guard (1...900).contains(key.utf8.count) else { return false }
        return key.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
            guard let first = segment.utf8.first, first != UInt8(ascii: ".") else { return false }
            return segment.utf8.allSatisfy(isByte)
        }
    }

    private static func isByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "-._~=+ ".utf8.contains(byte)
        }
    }

    static func require(_ key: String) throws(BucketFailure) {
        guard isValid(key) else { throw .refused("the key \(key.prefix(80)) is not one that objects may have") }
    }
}
