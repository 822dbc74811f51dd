/// One moment of the time that images were asked for, with its image or why there is none.
public struct Image: JSONDocument, Hashable {
    public let error: ImageError?
    /// Base64.
    public let imageContent: String?
    public let timeStamp: Timestamp?

    public init(error: ImageError?, imageContent: String?, timeStamp: Timestamp?) {
        self.error = error
        self.imageContent = imageContent
        self.timeStamp = timeStamp
    }

    public static let shape = structure(
        "Image", Self.init,
        optional("Error", .enumeration(ImageError.self), \.error, "Why there is no image; absent where there is one."),
        optional("ImageContent", .imageContent, \.imageContent, "The image as a JPEG or PNG file, in Base64; absent where there is none."),
        optional("TimeStamp", .timestamp, \.timeStamp, "The moment, by the clock that was asked for: the image shows what is seen then."))
}

/// Why there is no image of a moment.
public enum ImageError: String, Error, Sendable, CaseIterable {
    /// No media is kept of the moment.
    case noMedia = "NO_MEDIA"
    /// The media cannot be made into an image.
    case mediaError = "MEDIA_ERROR"
}

extension Shape where Value == String {
    static let imageContent = string(1...6_291_456)
}
