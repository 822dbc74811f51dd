import Contract

/// What the server tells of fragments while they are sent. Reference, PutMedia, "Response Elements"; names and order of the members as on the wire.
enum Acknowledgement: Sendable, Equatable {
    case buffering(Int)
    case received(Int)
    case persisted(Int)
    case idle
    /// About one fragment, or about the session.
    case error(timecode: Int?, id: Int, code: String)

    /// Reads a line; nil where it is none of these.
    init?(_ line: some Sequence<UInt8>) {
        guard case .object(let object) = try? JSONParser.parse(Array(line)), case .string(let type) = object["EventType"] else {
            return nil
        }
        var timecode: Int?
        if case .integer(let value) = object["FragmentTimecode"] { timecode = Int(value) }
        switch (type, timecode) {
        case ("BUFFERING", let timecode?): self = .buffering(timecode)
        case ("RECEIVED", let timecode?): self = .received(timecode)
        case ("PERSISTED", let timecode?): self = .persisted(timecode)
        case ("IDLE", _): self = .idle
        case ("ERROR", _):
            guard case .integer(let id) = object["ErrorId"] else { return nil }
            var code = "ERROR"
            if case .string(let text) = object["ErrorCode"] { code = text }
            self = .error(timecode: timecode, id: Int(id), code: code)
        default: return nil
        }
    }
}

/// The lines in an answer that comes in pieces.
struct AcknowledgementLines {
    private static let longestLine = 16 << 10
    private var rest: [UInt8] = []

    mutating func read(_ bytes: some Sequence<UInt8>) -> [Acknowledgement] {
        var found: [Acknowledgement] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if let acknowledgement = Acknowledgement(rest) { found.append(acknowledgement) }
                rest = []
            } else if rest.count < Self.longestLine {
                rest.append(byte)
            }
        }
        return found
    }
}
