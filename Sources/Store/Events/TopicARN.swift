/// The ARN of an SNS topic, standard or FIFO: `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
public struct TopicARN: Sendable, Hashable {
    public let text: String
    /// Such as `aws` or `aws-cn`.
    public let partition: String
    public let region: String

    /// nil where the text has another form, or holds control characters.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "sns", Self.isName(parts[1]), Self.isName(parts[3]), !parts[5].isEmpty,
            !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return nil }
        self.text = text
        partition = String(parts[1])
        region = String(parts[3])
    }

    /// Whether a part of an ARN may become a part of a host's name.
    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    }
}
