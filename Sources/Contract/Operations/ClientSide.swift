/// Why an answer cannot be read. The text is for operators; it tells places and rules, never a value.
public struct UnreadableAnswer: Error, Sendable {
    public let message: String
}

// What a client of the API does with the same shapes that the server reads and writes.
extension Operation {
    /// The body of a request.
    public static func encodeInput(_ value: Input) -> [UInt8] {
        var writer = JSONWriter()
        input.encode(value, &writer)
        return writer.bytes
    }

    /// Reads the body of a successful answer. Members that this version does not know are ignored.
    public static func decodeOutput(_ body: [UInt8]) throws(UnreadableAnswer) -> Output {
        guard let output else {
            guard let nothing = () as? Output else { preconditionFailure("an operation without a shape for its output must have none") }
            return nothing
        }
        var decoding = Decoding()
        let decoded: Output?
        do {
            decoded = try output.decode(try JSONParser.parse(body), &decoding)
        } catch let error as JSONError {
            throw UnreadableAnswer(message: "it is not valid JSON: \(error.message)")
        } catch let error as SerializationError {
            throw UnreadableAnswer(message: error.message)
        } catch {
            throw UnreadableAnswer(message: "it cannot be read")
        }
        guard let decoded, decoding.violations.isEmpty else {
            let rules = decoding.violations.prefix(3).map { "at '\($0.path)': \($0.constraint.text)" }
            throw UnreadableAnswer(message: rules.joined(separator: "; "))
        }
        return decoded
    }
}
