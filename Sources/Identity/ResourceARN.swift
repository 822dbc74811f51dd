import Contract

/// A resource name of this service, taken apart: `arn:PARTITION:kinesisvideo:REGION:ACCOUNT:TYPE/NAME/CREATION-TIME`.
public struct ResourceARN: Sendable {
    public let partition: String
    public let region: String
    public let account: String
    public let type: String
    public let name: String
    /// Milliseconds since the epoch; nil where the text is not how this server would write a time, so that it names nothing.
    public let creationTime: Int64?

    /// From a text that satisfies the pattern of ARNs.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6 else { return nil }
        let path = parts[5].split(separator: "/", omittingEmptySubsequences: false)
        guard path.count == 3 else { return nil }
        partition = String(parts[1])
        region = String(parts[3])
        account = String(parts[4])
        type = String(path[0])
        name = String(path[1])
        creationTime = Int64(path[2]).flatMap { String($0) == path[2] ? $0 : nil }
    }
}
