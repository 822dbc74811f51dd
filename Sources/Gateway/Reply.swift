import NIOCore
import NIOHTTP1

/// An answer of bytes: status, headers and body.
struct Reply: Sendable {
    var status: Int
    var contentType: String
    var body: [UInt8]
    private(set) var headers: [(name: String, value: String)] = []
    /// Whether the budget of large answers holds room for it, which is given back when it is out.
    var isReserved = false

    init(status: Int, contentType: String = "application/json", body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// Adds a header that is not there yet.
    mutating func add(_ name: String, _ value: String) {
        headers.append((name, value))
    }

    /// This answer with more headers, none of which is there yet.
    consuming func with(_ more: [(name: String, value: String)]) -> Reply {
        headers += more
        return self
    }

    /// A body of more bytes goes out in pieces of so many, as fast as the client reads them.
    static let pieceLength = 65_536

    /// Whether the answer is more than fits a connection's buffers.
    var isLarge: Bool { body.count > Self.pieceLength }
}

/// Writes the heads of answers. The values come from this program, or from a request whose parser let no line break through.
enum ResponseHead {
    /// How the length of what follows is told.
    enum Length { case bytes(Int), chunked, untilClose }

    static func write(
        _ status: Int, contentType: String, _ headers: [(name: String, value: String)], _ length: Length, closes: Bool,
        keepAliveIsTold: Bool,
        date: String, into buffer: inout ByteBuffer
    ) {
        if status == 200 {
            buffer.writeStaticString("HTTP/1.1 200 OK\r\nContent-Type: ")
        } else {
            buffer.writeString("HTTP/1.1 \(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)\r\nContent-Type: ")
        }
        buffer.writeString(contentType)
        for header in headers {
            buffer.writeStaticString("\r\n")
            buffer.writeString(header.name)
            buffer.writeStaticString(": ")
            buffer.writeString(header.value)
        }
        if closes {
            buffer.writeStaticString("\r\nConnection: close")
        } else if keepAliveIsTold {
            buffer.writeStaticString("\r\nConnection: keep-alive")
        }
        buffer.writeStaticString("\r\nDate: ")
        buffer.writeString(date)
        switch length {
        case .bytes(let count):
            buffer.writeStaticString("\r\nContent-Length: ")
            buffer.writeString(String(count))
        case .chunked: buffer.writeStaticString("\r\nTransfer-Encoding: chunked")
        case .untilClose: break
        }
        buffer.writeStaticString("\r\n\r\n")
    }

}
