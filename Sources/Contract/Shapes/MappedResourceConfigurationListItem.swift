/// A resource that a stream is mapped to.
public struct MappedResourceConfigurationListItem: Sendable, Hashable {
    public let type: String?
    public let arn: String?

    public init(type: String?, arn: String?) {
        self.type = type
        self.arn = arn
    }

    static let shape = structure(
        "MappedResourceConfigurationListItem", Self.init,
        optional("Type", .string(), \.type, "What kind of resource it is: CHANNEL."),
        optional("ARN", .resourceARN, \.arn, "The ARN of the resource."))
}
