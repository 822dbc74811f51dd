/// The parts of an Amazon Resource Name, `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE` (IAM User Guide, "Amazon Resource Names (ARNs)").
public struct ARN: Sendable, Hashable {
    public let partition: String
    public let service: String
    /// Empty where the resource is of no region.
    public let region: String
    /// Empty where the resource is of no account.
    public let account: String
    /// What follows the fifth colon, colons included.
    public let resource: String

    /// Nil where the text has fewer parts, or does not begin with `arn`. The parts themselves are not checked.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0] == "arn" else { return nil }
        (partition, service, region, account, resource) = (parts[1], parts[2], parts[3], parts[4], parts[5])
    }
}
