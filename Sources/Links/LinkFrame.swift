import NIOCore

/// What goes over a connection between two instances, in either direction: a length of four bytes, a byte for the kind, and what is below. Integers
/// are big endian.
enum LinkFrame: Equatable {
    /// The first frame of each side: who it is.
    case hello(instance: String)
    /// A small message, numbered by its sender through all its connections to this instance.
    case message(UInt64, LinkKind.RawValue, ByteBuffer)
    /// Whether a message was taken.
    case answer(UInt64, isTaken: Bool)
    /// The side that connected opens a stream.
    case open(UInt32, LinkKind.RawValue, request: ByteBuffer)
    case data(UInt32, ByteBuffer)
    /// So many bytes more may be sent.
    case credit(UInt32, UInt32)
    /// No more data comes from this side; where it is not whole, the stream is over for both.
    case end(UInt32, isWhole: Bool)

    /// Bytes of a frame at most, its length not counted.
    static let maximum = 1 << 20
    /// Of the protocol, told in the first frame: another one is not understood.
    private static let version: UInt8 = 1

    private enum Code: UInt8 { case hello = 1, message, answer, open, data, credit, end }

    /// Reads what a length has announced; nil for what is no frame.
    init?(_ bytes: inout ByteBuffer) {
        guard let code = bytes.readInteger(as: UInt8.self).flatMap(Code.init) else { return nil }
        switch code {
        case .hello:
            guard bytes.readInteger(as: UInt8.self) == Self.version, let instance = bytes.readString(length: bytes.readableBytes),
                !instance.isEmpty
            else { return nil }
            self = .hello(instance: instance)
        case .message:
            guard let (number, kind) = bytes.readMultipleIntegers(as: (UInt64, UInt8).self) else { return nil }
            self = .message(number, kind, bytes.slice())
        case .answer:
            guard let (number, taken) = bytes.readMultipleIntegers(as: (UInt64, UInt8).self) else { return nil }
            self = .answer(number, isTaken: taken == 1)
        case .open:
            guard let (stream, kind) = bytes.readMultipleIntegers(as: (UInt32, UInt8).self) else { return nil }
            self = .open(stream, kind, request: bytes.slice())
        case .data:
            guard let stream = bytes.readInteger(as: UInt32.self) else { return nil }
            self = .data(stream, bytes.slice())
        case .credit:
            guard let (stream, count) = bytes.readMultipleIntegers(as: (UInt32, UInt32).self) else { return nil }
            self = .credit(stream, count)
        case .end:
            guard let (stream, whole) = bytes.readMultipleIntegers(as: (UInt32, UInt8).self) else { return nil }
            self = .end(stream, isWhole: whole == 1)
        }
    }

    /// The frame with its length.
    func write(to buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeInteger(0 as UInt32)
        switch self {
        case .hello(let instance):
            buffer.writeMultipleIntegers(Code.hello.rawValue, Self.version)
            buffer.writeString(instance)
        case .message(let number, let kind, let bytes):
            buffer.writeMultipleIntegers(Code.message.rawValue, number, kind)
            buffer.writeImmutableBuffer(bytes)
        case .answer(let number, let isTaken):
            buffer.writeMultipleIntegers(Code.answer.rawValue, number, isTaken ? 1 : 0 as UInt8)
        case .open(let stream, let kind, let request):
            buffer.writeMultipleIntegers(Code.open.rawValue, stream, kind)
            buffer.writeImmutableBuffer(request)
        case .data(let stream, let bytes):
            buffer.writeMultipleIntegers(Code.data.rawValue, stream)
            buffer.writeImmutableBuffer(bytes)
        case .credit(let stream, let count): buffer.writeMultipleIntegers(Code.credit.rawValue, stream, count)
        case .end(let stream, let isWhole): buffer.writeMultipleIntegers(Code.end.rawValue, stream, isWhole ? 1 : 0 as UInt8)
        }
        buffer.setInteger(UInt32(buffer.writerIndex - start - 4), at: start)
    }
}

/// Finds the frames in what comes over a connection.
struct LinkFrameDecoder: ByteToMessageDecoder {
    typealias InboundOut = LinkFrame

    /// What is no frame of ours: the connection ends.
    struct Malformed: Error {}

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return .needMoreData }
        guard length <= LinkFrame.maximum else { throw Malformed() }
        guard buffer.readableBytes >= 4 + Int(length) else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: 4)
        guard var bytes = buffer.readSlice(length: Int(length)), let frame = LinkFrame(&bytes) else { throw Malformed() }
        context.fireChannelRead(wrapInboundOut(frame))
        return .continue
    }

    mutating func decodeLast(context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool) throws -> DecodingState {
        .needMoreData
    }
}
