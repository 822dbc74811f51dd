import Matroska

/// Elements written byte by byte and apart from `Writer`, in the shapes in which producers send them.
enum Shape {
    /// An element with a size of as many bytes as asked for.
    static func element(_ id: [UInt8], sizeLength: Int = 8, _ content: [UInt8]...) -> [UInt8] {
        let content = content.flatMap { $0 }
        return id + size(content.count, length: sizeLength) + content
    }

    static func size(_ value: Int, length: Int) -> [UInt8] {
        let marked = UInt64(value) | 1 << UInt64(7 * length)
        return (0..<length).map { UInt8(truncatingIfNeeded: marked >> UInt64(8 * (length - 1 - $0))) }
    }

    static func integer(_ value: UInt64, length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (length - 1 - $0))) }
    }

    static let ebml = element(
        [0x1A, 0x45, 0xDF, 0xA3], [0x42, 0x86, 0x81, 1], [0x42, 0xF7, 0x81, 1], [0x42, 0xF2, 0x81, 4], [0x42, 0xF3, 0x81, 8],
        element([0x42, 0x82], sizeLength: 1, Array("matroska".utf8)), [0x42, 0x87, 0x81, 2], [0x42, 0x85, 0x81, 2])

    static let segment: [UInt8] = [0x18, 0x53, 0x80, 0x67, 0xFF]

    static func info(scale: UInt64 = 1_000_000, title: String = "Weir") -> [UInt8] {
        element(
            [0x15, 0x49, 0xA9, 0x66], element([0x73, 0xA4], sizeLength: 1, Array(repeating: 7, count: 16)),
            element([0x2A, 0xD7, 0xB1], sizeLength: 1, integer(scale, length: 8)), element([0x7B, 0xA9], sizeLength: 1, Array(title.utf8)),
            element([0x4D, 0x80], sizeLength: 1, Array("test 1".utf8)), element([0x57, 0x41], sizeLength: 1, Array("test 2".utf8)))
    }

    static func track(_ number: UInt8, kind: UInt8 = 1, codec: String = "V_MPEG4/ISO/AVC", more: [UInt8]...) -> [UInt8] {
        element(
            [0xAE], sizeLength: 4, [0xD7, 0x81, number], element([0x73, 0xC5], sizeLength: 1, integer(UInt64(number), length: 8)),
            [0x83, 0x81, kind], element([0x86], sizeLength: 1, Array(codec.utf8)), more.flatMap { $0 })
    }

    static func tracks(_ tracks: [UInt8]...) -> [UInt8] { element([0x16, 0x54, 0xAE, 0x6B], sizeLength: 4, tracks.flatMap { $0 }) }

    static let header = ebml + segment + info() + tracks(track(1))

    /// The head of a cluster of unknown size, as the official core in C writes it.
    static func cluster(_ timecode: UInt64) -> [UInt8] {
        [0x1F, 0x43, 0xB6, 0x75, 0xFF] + element([0xE7], sizeLength: 1, integer(timecode, length: 8)) + [0xA7, 0x81, 0]
    }

    static func block(_ time: Int16 = 0, track: UInt8 = 1, flags: UInt8 = 0x80, _ payload: [UInt8] = [1, 2, 3]) -> [UInt8] {
        element([0xA3], [0x80 | track], integer(UInt64(UInt16(bitPattern: time)), length: 2), [flags], payload)
    }

    static func group(_ time: Int16 = 0, track: UInt8 = 1, flags: UInt8 = 0, _ payload: [UInt8] = [1, 2, 3], more: [UInt8]...) -> [UInt8] {
        element(
            [0xA0], sizeLength: 2,
            element([0xA1], sizeLength: 2, [0x80 | track], integer(UInt64(UInt16(bitPattern: time)), length: 2), [flags], payload),
            more.flatMap { $0 })
    }

    static func simpleTag(_ name: String, _ value: String, more: [UInt8]...) -> [UInt8] {
        element(
            [0x67, 0xC8], element([0x45, 0xA3], Array(name.utf8)), element([0x44, 0x87], Array(value.utf8)), more.flatMap { $0 })
    }

    static func tags(_ simpleTags: [UInt8]...) -> [UInt8] {
        element([0x12, 0x54, 0xC3, 0x67], element([0x73, 0x73], simpleTags.flatMap { $0 }))
    }

    static let endOfFragment = tags(simpleTag("AWS_KINESISVIDEO_END_OF_FRAGMENT", ""))

    static func void(_ count: Int) -> [UInt8] { element([0xEC], sizeLength: 4, Array(repeating: 0, count: count)) }
}

/// What a consumer has got when the bytes are used up.
struct Reading: Equatable {
    /// All but `bytes`.
    var events: [Event] = []
    /// The complete fragments, as they would be stored.
    var fragments: [[UInt8]] = []
    private var open: [UInt8]?

    /// - Parameters:
    ///   - cut: Returns how many bytes to feed next, at least one.
    init(_ bytes: [UInt8], _ limits: Limits = .service, cut: () -> Int = { Int.max }) {
        var parser = Parser(limits)
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(cut()))
            rest = rest.dropFirst(piece.count)
            while let event = parser.next(in: piece.span) { take(event, piece) }
        }
        for event in parser.finish() { take(event, []) }
        open = nil
    }

    private mutating func take(_ event: Event, _ piece: [UInt8]) {
        if case .bytes(let held, let range) = event {
            open? += Array(held) + piece[range]
            return
        }
        events.append(event)
        switch event {
        case .fragmentStart(let start): open = start.head
        case .tags(let tags): open? += tags.bytes
        case .fragmentEnd:
            if let open { fragments.append(open) }
            open = nil
        case .header, .block, .bytes, .end, .violation: break
        }
    }

    var reason: Violation.Reason? { violation?.reason }
    var violation: Violation? {
        guard case .violation(let violation) = events.last else { return nil }
        return violation
    }
    var blocks: [Block] {
        events.compactMap { if case .block(let block) = $0 { block } else { nil } }
    }
    var starts: [FragmentStart] {
        events.compactMap { if case .fragmentStart(let start) = $0 { start } else { nil } }
    }
    var ends: [FragmentEnd] {
        events.compactMap { if case .fragmentEnd(let end) = $0 { end } else { nil } }
    }
    var tags: [[Tag]] {
        events.compactMap { if case .tags(let tags) = $0 { tags.entries } else { nil } }
    }
    var trackSet: TrackSet? {
        for case .header(let trackSet) in events { return trackSet }
        return nil
    }
}
