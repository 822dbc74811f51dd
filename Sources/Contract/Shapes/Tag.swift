/// A tag, where tags come as a list.
public struct Tag: Sendable, Hashable {
    public let key: String
    public let value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }

    static let shape = structure(
        "Tag", Self.init,
        required("Key", .tagKey, \.key, "The key; it must not begin with `aws:`, in any spelling."),
        required("Value", .tagValue, \.value, "The value; it may be empty."))
}
