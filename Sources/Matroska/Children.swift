/// The children of an element that was kept whole, one after the other.
struct Children {
    struct Child {
        let id: UInt32
        let content: Range<Int>
    }

    let bytes: [UInt8]
    private let content: Range<Int>

    init(_ bytes: [UInt8], in content: Range<Int>) {
        self.bytes = bytes
        self.content = content
    }

    init(_ parent: Children, of child: Child) { self.init(parent.bytes, in: child.content) }

    func forEach(_ body: (Child) throws(Violation.Reason) -> Void) throws(Violation.Reason) {
        var index = content.lowerBound
        while index < content.upperBound {
            var head = ElementHead()
            while !head.isComplete {
                guard index < content.upperBound else { throw .truncated }
                try head.take(bytes[index])
                index += 1
            }
            guard let size = head.size else { throw .unknownSize }
            guard size <= UInt64(content.upperBound - index) else { throw .beyondParent }
            let end = index + Int(size)
            try body(Child(id: head.id, content: index..<end))
            index = end
        }
    }

    /// - Returns: An unsigned integer.
    func integer(_ child: Child) throws(Violation.Reason) -> UInt64 {
        guard child.content.count <= 8 else { throw .invalidValue }
        return bytes[child.content].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// - Returns: An unsigned integer in this range.
    func integer(_ child: Child, in range: ClosedRange<Int>) throws(Violation.Reason) -> Int {
        guard let value = Int(exactly: try integer(child)), range.contains(value) else { throw .invalidValue }
        return value
    }

    func float(_ child: Child) throws(Violation.Reason) -> Double {
        switch child.content.count {
        case 0: 0
        case 4: Double(Float(bitPattern: UInt32(truncatingIfNeeded: try integer(child))))
        case 8: Double(bitPattern: try integer(child))
        default: throw .invalidValue
        }
    }

    /// - Returns: The text before the first NUL byte, with what is not UTF-8 replaced.
    func text(_ child: Child) -> String { String(decoding: bytes[child.content].prefix { $0 != 0 }, as: UTF8.self) }

    func binary(_ child: Child) -> [UInt8] { Array(bytes[child.content]) }
}

extension Children {
    /// Checks what the element EBML asks of a reader.
    func checkEBML() throws(Violation.Reason) {
        var docType = "matroska"
        try forEach { child throws(Violation.Reason) in
            switch child.id {
            case 0x42F7, 0x42F3:  // EBMLReadVersion, EBMLMaxSizeLength
                let value = try integer(child)
                guard value <= (child.id == 0x42F7 ? 1 : 8) else { throw .unsupportedDocument }
            case 0x42F2:  // EBMLMaxIDLength
                guard try integer(child) <= 4 else { throw .unsupportedDocument }
            case 0x4282: docType = text(child)
            default: return
            }
        }
        guard docType == "matroska" || docType == "webm" else { throw .unsupportedDocument }
    }
}

extension Info {
    init(_ content: Children) throws(Violation.Reason) {
        self.init()
        var info = self
        try content.forEach { child throws(Violation.Reason) in
            switch child.id {
            case 0x2A_D7B1: info.timecodeScale = try content.integer(child, in: 1...1_000_000_000)
            case 0x7BA9: info.title = content.text(child)
            case 0x4D80: info.muxingApp = content.text(child)
            case 0x5741: info.writingApp = content.text(child)
            case 0x73A4: info.segmentUID = content.binary(child)
            default: return
            }
        }
        self = info
    }
}

extension Track {
    /// - Returns: The tracks of the element Tracks: at least one, each with a number of its own and a type.
    static func list(_ content: Children, most: Int) throws(Violation.Reason) -> [Track] {
        var tracks: [Track] = []
        try content.forEach { child throws(Violation.Reason) in
            guard child.id == 0xAE else { return }
            guard tracks.count < most else { throw .tooManyTracks }
            let track = try Track(Children(content, of: child))
            guard !tracks.contains(where: { $0.number == track.number }) else { throw .invalidTrack }
            tracks.append(track)
        }
        guard !tracks.isEmpty else { throw .invalidTrack }
        return tracks
    }

    private init(_ content: Children) throws(Violation.Reason) {
        var track = Track(number: 0, kind: .other(0), codec: "")
        try content.forEach { child throws(Violation.Reason) in
            switch child.id {
            case 0xD7: track.number = try content.integer(child, in: 1...Int.max)
            case 0x73C5: track.uid = try content.integer(child)
            case 0x83:
                switch try content.integer(child, in: 1...254) {
                case 1: track.kind = .video
                case 2: track.kind = .audio
                case let other: track.kind = .other(UInt8(other))
                }
            case 0x86: track.codec = content.text(child)
            case 0x536E: track.name = content.text(child)
            case 0x22_B59C: track.language = content.text(child)
            case 0x63A2: track.codecPrivate = content.binary(child)
            case 0x23_E383: track.defaultDuration = try content.integer(child, in: 0...Int.max)
            case 0x56AA: track.codecDelay = try content.integer(child, in: 0...Int.max)
            case 0x56BB: track.seekPreRoll = try content.integer(child, in: 0...Int.max)
            case 0xE0: track.video = try Video(Children(content, of: child))
            case 0xE1: track.audio = try Audio(Children(content, of: child))
            case 0x6D80: track.encoding = try Encoding(Children(content, of: child))
            default: return
            }
        }
        guard track.number > 0, track.kind != .other(0) else { throw .invalidTrack }
        self = track
    }
}

extension Track.Video {
    fileprivate init(_ content: Children) throws(Violation.Reason) {
        var video = Track.Video(width: 0, height: 0)
        try content.forEach { child throws(Violation.Reason) in
            switch child.id {
            case 0xB0: video.width = try content.integer(child, in: 0...Int(UInt32.max))
            case 0xBA: video.height = try content.integer(child, in: 0...Int(UInt32.max))
            case 0x54B0: video.displayWidth = try content.integer(child, in: 0...Int(UInt32.max))
            case 0x54BA: video.displayHeight = try content.integer(child, in: 0...Int(UInt32.max))
            default: return
            }
        }
        self = video
    }
}

extension Track.Audio {
    fileprivate init(_ content: Children) throws(Violation.Reason) {
        var audio = Track.Audio(samplingFrequency: 8000)
        try content.forEach { child throws(Violation.Reason) in
            switch child.id {
            case 0xB5: audio.samplingFrequency = try Self.frequency(content.float(child))
            case 0x78B5: audio.outputSamplingFrequency = try Self.frequency(content.float(child))
            case 0x9F: audio.channels = try content.integer(child, in: 1...Int(UInt16.max))
            case 0x6264: audio.bitDepth = try content.integer(child, in: 0...Int(UInt16.max))
            default: return
            }
        }
        self = audio
    }

    private static func frequency(_ value: Double) throws(Violation.Reason) -> Double {
        guard value > 0, value < 1e9 else { throw .invalidValue }
        return value
    }
}

extension Track.Encoding {
    /// Reads ContentEncodings: one that strips headers of all frames can be undone, every other cannot.
    fileprivate init(_ content: Children) throws(Violation.Reason) {
        var encodings: [Track.Encoding] = []
        try content.forEach { child throws(Violation.Reason) in
            guard child.id == 0x6240 else { return }
            encodings.append(try Self.one(Children(content, of: child)))
        }
        self = encodings.count > 1 ? .unsupported : encodings.first ?? .none
    }

    /// Reads a ContentEncoding.
    private static func one(_ content: Children) throws(Violation.Reason) -> Track.Encoding {
        var scope = 1
        var isEncrypted = false
        var algorithm: Int?
        var settings: [UInt8] = []
        try content.forEach { child throws(Violation.Reason) in
            switch child.id {
            case 0x5032: scope = try content.integer(child, in: 0...Int.max)
            case 0x5033: isEncrypted = try content.integer(child) != 0
            case 0x5034:
                let compression = Children(content, of: child)
                algorithm = 0
                try compression.forEach { child throws(Violation.Reason) in
                    switch child.id {
                    case 0x4254: algorithm = try compression.integer(child, in: 0...Int.max)
                    case 0x4255: settings = compression.binary(child)
                    default: return
                    }
                }
            default: return
            }
        }
        return scope == 1 && !isEncrypted && algorithm == 3 ? .strippedHeader(settings) : .unsupported
    }
}

extension Tag {
    /// - Returns: The SimpleTags of the element Tags, each followed by those in it.
    static func list(_ content: Children) throws(Violation.Reason) -> [Tag] {
        var tags: [Tag] = []
        try content.forEach { child throws(Violation.Reason) in
            guard child.id == 0x7373 else { return }
            let tag = Children(content, of: child)
            try tag.forEach { child throws(Violation.Reason) in
                guard child.id == 0x67C8 else { return }
                let outer = Children(tag, of: child)
                tags.append(try Tag(outer))
                try outer.forEach { child throws(Violation.Reason) in
                    guard child.id == 0x67C8 else { return }
                    let inner = Children(outer, of: child)
                    tags.append(try Tag(inner))
                    try inner.forEach { child throws(Violation.Reason) in
                        guard child.id != 0x67C8 else { throw .nestedTooDeep }
                    }
                }
            }
        }
        return tags
    }

    /// Reads a SimpleTag; its value is empty where it has none or a binary one.
    private init(_ content: Children) throws(Violation.Reason) {
        var name = ""
        var value = ""
        try content.forEach { child throws(Violation.Reason) in
            switch child.id {
            case 0x45A3: name = content.text(child)
            case 0x4487: value = content.text(child)
            default: return
            }
        }
        self.init(name, value)
    }
}

extension Tags {
    init(entries: [Tag], element: [UInt8]) {
        let others = entries.filter { $0.name != Tag.endOfFragment }
        self.entries = entries
        if others.count == entries.count {
            bytes = element
        } else {
            var writer = Writer()
            if !others.isEmpty { writer.tags(others) }
            bytes = writer.bytes
        }
    }
}
