/// The parameters of image formats.
public enum FormatConfigKey: String, Sendable, CaseIterable {
    case jpegQuality = "JPEGQuality"
}
