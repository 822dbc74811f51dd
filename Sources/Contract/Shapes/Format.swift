/// The format of images.
public enum Format: String, Sendable, CaseIterable {
    case jpeg = "JPEG"
    case png = "PNG"
}
