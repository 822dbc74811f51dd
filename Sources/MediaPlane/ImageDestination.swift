import Contract
import Crypto
import FragmentStore
import Locking
import Matroska
public import ObjectStore
import Store

/// Where image generation may put what it makes, as operators decide.
public struct ImageStores: Sendable {
    /// The store of `s3://` destinations; nil where there is none. Calls are signed for the destination's region where `region` is nil.
    public var s3: S3Settings?
    public var region: String?
    /// The folder in which `file:` destinations are; nil where there is none.
    public var folder: String?
    /// A bucket of the store that is no destination: the media itself is in it.
    public var mediaBucket: String?
    /// Milliseconds for which images are tried to be made and stored, since their fragment was stored.
    public var retry: Int64 = 24 * 3_600_000

    public init() {}
}

/// The buckets and folders of destinations, each made once.
///
/// Threads: any task may use it at any time.
final class ImageDestinations: Sendable {
    private let stores: ImageStores
    /// The last that were used, the newest at the end.
    private let buckets = Lock<[(name: String, bucket: any Bucket)]>([])
    private static let mostBuckets = 32
    /// What file systems take.
    private static let longestFileName = 255

    init(_ stores: ImageStores) { self.stores = stores }

    /// The bucket of a destination, what its keys begin with (nothing, or what ends in a slash), and how many bytes a name between slashes may have.
    func bucket(
        of destination: ImageGenerationDestinationConfig
    ) async throws(BucketFailure) -> (bucket: any Bucket, prefix: String, longestName: Int) {
        // SCHEME:NAME/PREFIX or SCHEME://NAME/PREFIX: the shape has seen to it.
        let parts = destination.uri.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let path = (parts.last ?? "").split(separator: "/").joined(separator: "/")
        switch parts.first {
        case "s3": return (try await bucket(path, destination), "", .max)
        case "file":
            guard let folder = stores.folder else { throw .refused("file: destinations need image-dir, which is not configured") }
            let name = "file:\(folder)"
            if let known = find(name) { return (known, path + "/", Self.longestFileName) }
            return (await keep(try await FolderBucket(folder), name), path + "/", Self.longestFileName)
        default: throw .refused("destinations are s3://BUCKET/PREFIX or file://FOLDER/PREFIX")
        }
    }

    private func bucket(_ path: String, _ destination: ImageGenerationDestinationConfig) async throws(BucketFailure) -> any Bucket {
        guard var settings = stores.s3 else {
            throw .refused("s3:// destinations need image-store-access-key-id, which is not configured")
        }
        guard case .s3(let bucket, let prefix)? = BucketLocation("s3://" + path) else {
            throw .refused("the destination is not of the form s3://BUCKET/PREFIX")
        }
        guard bucket != stores.mediaBucket else { throw .refused("the bucket \(bucket) is that of media-store") }
        settings.region = stores.region ?? destination.destinationRegion
        let name = "\(settings.region) \(bucket)/\(prefix)"
        if let known = find(name) { return known }
        return await keep(try S3Bucket(settings, bucket: bucket, prefix: prefix), name)
    }

    private func find(_ name: String) -> (any Bucket)? {
        buckets.withLock { buckets in
            guard let index = buckets.firstIndex(where: { $0.name == name }) else { return nil }
            buckets.append(buckets.remove(at: index))
            return buckets.last?.bucket
        }
    }

    /// Keeps a bucket for the next image, and closes the one that was used longest ago where there are too many: what is being stored there is stored later.
    private func keep(_ bucket: any Bucket, _ name: String) async -> any Bucket {
        let oldest = buckets.withLock { buckets in
            let oldest = buckets.count >= Self.mostBuckets ? buckets.removeFirst().bucket : nil
            buckets.append((name, bucket))
            return oldest
        }
        await oldest?.close()
        return bucket
    }

    /// Closes all buckets.
    func close() async {
        let all = buckets.withLock { buckets in
            defer { buckets = [] }
            return buckets
        }
        for (_, bucket) in all { await bucket.close() }
    }
}

/// The tags of a fragment that have a say in its images.
struct ImageTags {
    /// What object names begin with; empty where they do not.
    let prefix: String
    /// The producer's own tags in their order; of a name that comes twice the first.
    let own: [Matroska.Tag]

    init(_ tags: [Matroska.Tag]) {
        prefix = tags.first { $0.name == Matroska.Tag.imagePrefix }?.value ?? ""
        var names: Set<String> = []
        own = tags.filter { !$0.name.hasPrefix("AWS_") && names.insert($0.name).inserted }
    }

    /// What `json` gave.
    init?(json: String) {
        guard case .object(let members)? = try? JSONParser.parse(Array(json.utf8)) else { return nil }
        self.init(
            members.members.compactMap { member in
                guard case .string(let value) = member.value else { return nil }
                return Matroska.Tag(member.key, value)
            })
    }

    var json: String {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        for tag in own + (prefix.isEmpty ? [] : [Matroska.Tag(Matroska.Tag.imagePrefix, prefix)]) {
            writer.key(tag.name)
            writer.string(tag.value)
        }
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Bytes of names and values that a store keeps with an object. Amazon S3 User Guide, "Working with object metadata".
    private static let mostBytes = 2048

    /// What is kept with an image: the documented members, and then the producer's tags, as many as there is room for. Characters that a name of
    /// metadata cannot have become underscores; a value that is not of printable ASCII is percent-encoded.
    func metadata(_ number: FragmentNumber, producerTime: Int64, serverTime: Int64) -> [String: String] {
        var metadata = [
            "aws_kinesisvideo_fragment_number": number.description, "aws_kinesisvideo_producer_timestamp": String(producerTime),
            "aws_kinesisvideo_server_timestamp": String(serverTime),
        ]
        var size = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        for tag in own {
            let name = String(decoding: tag.name.utf8.map { Self.isOfName($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self).lowercased()
            let isPlain = tag.value.utf8.allSatisfy { (0x20...0x7E).contains($0) } && !tag.value.hasPrefix(" ") && !tag.value.hasSuffix(" ")
            let value = isPlain ? tag.value : Self.percentEncoded(tag.value)
            size += name.utf8.count + value.utf8.count
            guard size <= Self.mostBytes else { break }
            if !name.isEmpty, metadata[name] == nil { metadata[name] = value }
        }
        return metadata
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let bytes = text.utf8.flatMap { isOfName($0) ? [$0] : [UInt8(ascii: "%"), digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The key of the image of a moment in milliseconds since the epoch: `PREFIX_ACCOUNT_STREAM_MOMENT_ID.jpg`. The id follows from the rest and the
    /// fragment, so that what is made twice is there once. Developer guide, "Automated image generation", object path.
    ///
    /// What a key cannot have (see `Bucket`) is an underscore in it, and no part between slashes is empty. One that is longer than `longestName` loses
    /// its beginning.
    func key(_ stream: StoredStream, _ number: FragmentNumber, at moment: Int64, _ format: Format, longestName: Int = .max) -> String {
        var hash = Array(SHA256.hash(data: Array("\(stream.arn) \(number) \(moment)".utf8)).prefix(16))
        // The form of a UUID whose bits are the maker's own. RFC 9562, 5.8.
        hash[6] = hash[6] & 0x0F | 0x80
        hash[8] = hash[8] & 0x3F | 0x80
        let digits = hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let id = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }.joined(separator: "-")
        let ending =
            switch format {
            case .jpeg: "jpg"
            case .png: "png"
            }
        let name = "\(prefix.isEmpty ? "" : prefix + "_")\(stream.key.account)_\(stream.key.name)_\(moment)_\(id).\(ending)"
        return name.split(separator: "/").map { segment in
            var bytes = segment.utf8.suffix(longestName).map { Self.isOfName($0) || ".~=+ ".utf8.contains($0) ? $0 : UInt8(ascii: "_") }
            if bytes.first == UInt8(ascii: ".") { bytes[0] = UInt8(ascii: "_") }
            return String(decoding: bytes, as: UTF8.self)
        }.joined(separator: "/")
    }
}
