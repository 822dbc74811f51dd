/// A condition on the names of channels to be listed.
public struct ChannelNameCondition: Sendable {
    public let comparisonOperator: ComparisonOperator?
    public let comparisonValue: String?

    static let shape = structure(
        "ChannelNameCondition", Self.init,
        optional(
            "ComparisonOperator", .enumeration(ComparisonOperator.self), \.comparisonOperator,
            "Only BEGINS_WITH, which is also the default."),
        optional("ComparisonValue", .resourceName, \.comparisonValue, "What the name begins with; absent: any name."))
}
