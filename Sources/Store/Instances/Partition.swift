/// The AWS partition of a region: the second part of every ARN.
public enum Partition {
    /// The partition of `region`, such as `aws-cn` of `cn-north-1`.
    public static func of(_ region: String) -> String {
        if region.hasPrefix("cn-") { return "aws-cn" }
        if region.hasPrefix("us-gov-") { return "aws-us-gov" }
        return "aws"
    }
}
