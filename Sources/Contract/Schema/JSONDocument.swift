/// A structure that is also kept as JSON text, in the form in which it goes over the wire.
public protocol JSONDocument: Sendable {
    static var shape: Shape<Self> { get }
}

extension JSONDocument {
    /// The value as JSON text. Equal values give equal texts.
    public static func text(of value: Self) -> String {
        var writer = JSONWriter()
        shape.encode(value, &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The value that `text(of:)` wrote, timestamps to the millisecond; nil where the text is of something else.
    public static func value(from text: String) -> Self? {
        var decoding = Decoding()
        do {
            return try shape.decode(JSONParser.parse(Array(text.utf8)), &decoding)
        } catch {
            return nil
        }
    }
}
