import Crypto
import Signing

/// What the folder holds for one stream: the names of its files.
///
/// No two streams share a name, and none gives a hidden file, a path of its own or one that is too long, whatever streams are called. The name
/// of the stream is used as it is where that is safe, which is nearly always. Else a `%`, which no stream has in its name, marks the change:
/// a dot that would hide the file, or make it look like another stream's status, is `%2E`; of a long name the beginning is kept, and `%` and a hash
/// of the name follow.
struct StreamFiles: Hashable, Sendable {
    /// Written by the agent.
    let configuration: String
    /// Written by the recorder, whenever it has something to say.
    let recorderStatus: String
    /// Written by the uploader.
    let uploaderStatus: String
    /// The folder of what the recorder has recorded.
    let media: String

    private static let recorderSuffix = ".recorder-status"
    private static let uploaderSuffix = ".uploader-status"

    init(streamARN: String) {
        let stem = Self.stem(Self.streamName(in: streamARN))
        configuration = stem + ".json"
        recorderStatus = stem + Self.recorderSuffix + ".json"
        uploaderStatus = stem + Self.uploaderSuffix + ".json"
        media = stem + ".media"
    }

    /// The name of the stream whose ARN this is: `arn:aws:kinesisvideo:us-east-1:123456789012:stream/NAME/1705489836421`.
    static func streamName(in arn: String) -> String {
        let parts = arn.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 3 ? String(parts[1]) : arn
    }

    /// Whether a file of this name may be a configuration.
    static func isConfiguration(_ file: String) -> Bool {
        file.hasSuffix(".json") && !file.hasPrefix(".") && !file.hasSuffix(recorderSuffix + ".json")
            && !file.hasSuffix(uploaderSuffix + ".json")
    }

    private static func stem(_ name: String) -> String {
        // File names have at most 255 bytes, the longest suffix has 21. A stem with a hash is longer than any without.
        guard name.utf8.count <= 180 else {
            return kept(name.prefix(128)) + "%" + RequestSigner.hexadecimal(SHA256.hash(data: Array(name.utf8)))
        }
        for suffix in [recorderSuffix, uploaderSuffix] where name.hasSuffix(suffix) {
            return kept(name.dropLast(suffix.count)) + "%2E" + suffix.dropFirst()
        }
        return kept(Substring(name))
    }

    /// The beginning of a name, made safe.
    private static func kept(_ name: Substring) -> String {
        name.hasPrefix(".") ? "%2E" + name.dropFirst() : String(name)
    }
}
