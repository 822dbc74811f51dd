/// How a name is compared with a condition's value.
public enum ComparisonOperator: String, Sendable, CaseIterable {
    case beginsWith = "BEGINS_WITH"
}
