import Testing

@testable import Matroska

/// Each rule at its edge: what is just allowed passes, what is one beyond is refused.
@Suite struct ViolationTests {
    private func open(_ more: [UInt8]...) -> [UInt8] { Shape.header + Shape.cluster(1000) + Shape.block() + more.flatMap { $0 } }

    private func expect(_ reason: Violation.Reason, _ bytes: [UInt8], at offset: Int? = nil, _ location: SourceLocation = #_sourceLocation)
    {
        let reading = Reading(bytes)
        #expect(reading.reason == reason, sourceLocation: location)
        if let offset { #expect(reading.violation?.offset == offset, sourceLocation: location) }
        #expect(Reading(bytes) { 1 } == reading, "in pieces of a byte", sourceLocation: location)
    }

    private func expectFine(_ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation) {
        #expect(Reading(bytes).violation == nil, sourceLocation: location)
    }

    @Test func identifiers() {
        expect(.invalidElementID, open([0x08, 0x80]), at: open().count)
        expect(.invalidElementID, open([0xFF, 0x80]))
        expect(.invalidElementID, open([0x80, 0x80]))
        expect(.invalidElementID, open([0x7F, 0xFF, 0x80]))
        expect(.invalidElementID, open([0x40, 0x7E, 0x80]))  // One byte would do.
        expectFine(open([0x40, 0x7F, 0x80]))  // One byte would be the reserved one.
        expect(.invalidElementID, open([0x20, 0x3F, 0xFE, 0x80]))
        expectFine(open([0x20, 0x3F, 0xFF, 0x80]))
    }

    @Test func sizes() {
        expect(.invalidSize, open([0xEC, 0x00]), at: open().count + 1)
        expectFine(open([0xEC, 0x01, 0, 0, 0, 0, 0, 0, 0]))
        expect(.unknownSize, open([0xEC, 0xFF]))
        expect(.unknownSize, open([0xA3, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]))
        expect(.unknownSize, Shape.ebml + Shape.segment + [0x15, 0x49, 0xA9, 0x66, 0xFF])
        expect(.unknownSize, Array(Shape.ebml.prefix(4)) + [0xFF])
        expect(.unknownSize, open([0xA0, 0xFF]))
        expect(.beyondParent, Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0x83, 0xE7, 0x82, 1, 1])
        expectFine(Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0x84, 0xE7, 0x82, 1, 1])
        expect(.beyondParent, open([0xA0, 0x83, 0xA1, 0x85, 0x81, 0, 0, 0, 1]))
        expect(.beyondParent, Shape.ebml + [0x18, 0x53, 0x80, 0x67, 0x86] + Shape.info())
    }

    @Test func placesOfElements() {
        expect(.unexpectedElement, Shape.segment)
        expect(.unexpectedElement, Shape.void(1) + Shape.header)
        expect(.unexpectedElement, Shape.ebml + Shape.ebml)
        expect(.unexpectedElement, Shape.ebml + Shape.info())
        expect(.unexpectedElement, open(Shape.ebml))
        expect(.unexpectedElement, open(Shape.element([0x18, 0x53, 0x80, 0x67])))
        expect(.unexpectedElement, open(Shape.segment))
        expect(.unexpectedElement, open([0xAF, 0x81, 0]))  // EncryptedBlock
        expect(.unexpectedElement, open([0xA1, 0x84, 0x81, 0, 0, 0]))
        expect(.unexpectedElement, open(Shape.tags(), Shape.block()))
        expect(.unexpectedElement, open(Shape.element([0x19, 0x41, 0xA4, 0x69])))  // Attachments
        expect(.unexpectedElement, Shape.header + Shape.element([0x1F, 0x43, 0xB6, 0x75], [0xE7, 0x81, 0], Shape.tags()))
        expect(.unexpectedElement, open(Shape.element([0xA0], Shape.block())))
        expect(
            .unexpectedElement,
            Shape.ebml + Shape.element([0x18, 0x53, 0x80, 0x67], Shape.info(), Shape.tracks(Shape.track(1))) + Shape.ebml)
        expect(.missingInfo, Shape.ebml + Shape.segment + Shape.info() + Shape.cluster(0))
        expect(.missingInfo, Shape.ebml + Shape.segment + Shape.tracks(Shape.track(1)) + Shape.cluster(0))
        expectFine(Shape.ebml + Shape.segment + Shape.tracks(Shape.track(1)) + Shape.info() + Shape.cluster(0) + Shape.block())
        expect(.repeatedElement, Shape.header + Shape.info())
        expect(.repeatedElement, open(Shape.info()))
        expect(.repeatedElement, open(Shape.tracks(Shape.track(1))))
        expect(.repeatedElement, open([0xE7, 0x81, 1]))
        let block = Shape.element([0xA1], [0x81, 0, 0, 0])
        expect(.repeatedElement, open(Shape.element([0xA0], block, block)))
        expect(.invalidBlock, open(Shape.element([0xA0], [0x9B, 0x81, 1])))
        expect(.missingTimecode, Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0xFF] + Shape.block())
        expect(.missingTimecode, Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0xFF] + Shape.group())
        expect(.missingTimecode, Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0xFF] + Shape.cluster(1))
        expect(.missingTimecode, Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0xFF])
        expect(.missingTimecode, Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0x80])
    }

    @Test func document() {
        func ebml(_ content: [UInt8]...) -> [UInt8] {
            Shape.element([0x1A, 0x45, 0xDF, 0xA3], content.flatMap { $0 }) + Shape.header.dropFirst(Shape.ebml.count)
        }
        expectFine(ebml())
        expectFine(ebml([0x42, 0x82, 0x84], Array("webm".utf8)))
        expectFine(ebml([0x42, 0x87, 0x81, 4]))
        expect(.unsupportedDocument, ebml([0x42, 0x82, 0x84], Array("weba".utf8)))
        expect(.unsupportedDocument, ebml([0x42, 0xF2, 0x81, 5]))
        expect(.unsupportedDocument, ebml([0x42, 0xF3, 0x81, 9]))
        expect(.unsupportedDocument, ebml([0x42, 0xF7, 0x81, 2]))
        expect(.beyondParent, ebml([0x42, 0x82, 0x85], Array("webm".utf8)))
        expect(.truncated, ebml([0x42]))
    }

    /// Sizes are refused as soon as they are read, before a byte of the element came.
    @Test func sizesBeyondTheLimits() {
        func head(_ id: [UInt8], _ size: Int) -> [UInt8] { id + Shape.size(size, length: 8) }
        let segment = Shape.ebml + Shape.segment
        for (start, id, most) in [
            ([], [0x1A, 0x45, 0xDF, 0xA3], 4 << 10), (segment, [0x15, 0x49, 0xA9, 0x66], 64 << 10),
            (segment, [0x16, 0x54, 0xAE, 0x6B], 3 << 20 + 64 << 10),
            (Shape.header, [0x12, 0x54, 0xC3, 0x67], 64 << 10), (segment, [0x1C, 0x53, 0xBB, 0x6B], 16 << 20), (segment, [0xEC], 16 << 20),
            (open(), [0xAB], 16 << 20),
        ] as [([UInt8], [UInt8], Int)] {
            let most = id == [0x16, 0x54, 0xAE, 0x6B] ? (3 << 20) + (64 << 10) : most
            #expect(Reading(start + head(id, most)).reason == .truncated, "\(id)")
            expect(.elementTooLarge, start + head(id, most + 1), at: start.count + id.count + 8)
        }
    }

    @Test func beforeTheTimecode() {
        func cluster(_ void: Int) -> [UInt8] {
            Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0xFF] + Shape.void(void) + [0xE7, 0x81, 0] + Shape.block()
        }
        let most = 4096 - 5 - 5 - 3
        expectFine(cluster(most))
        expect(.elementTooLarge, cluster(most + 1))
        // Many small ones count together.
        expect(
            .elementTooLarge, Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0xFF] + Array(repeating: [0xEC, 0x80], count: 2100).flatMap { $0 })
    }

    @Test func tracks() {
        func header(_ tracks: [UInt8]...) -> [UInt8] { Shape.ebml + Shape.segment + Shape.info() + Shape.tracks(tracks.flatMap { $0 }) }
        expectFine(header(Shape.track(1), Shape.track(2), Shape.track(3)))
        expect(.tooManyTracks, header(Shape.track(1), Shape.track(2), Shape.track(3), Shape.track(4)))
        expect(.invalidTrack, header())
        expect(.invalidTrack, header(Shape.track(1), Shape.track(1)))
        expect(.invalidTrack, header(Shape.element([0xAE], [0xD7, 0x81, 1])))
        expect(.invalidTrack, header(Shape.element([0xAE], [0x83, 0x81, 1])))
        expect(.invalidValue, header(Shape.track(0)))
        expect(.invalidValue, header(Shape.track(1, kind: 0)))
        expectFine(header(Shape.track(1, kind: 17, codec: "S_TEXT/UTF8")))
        expect(.invalidValue, header(Shape.track(1, more: [0xE1, 0x86, 0xB5, 0x84, 0, 0, 0, 0])))
        expect(.invalidValue, header(Shape.track(1, more: [0xE1, 0x86, 0xB5, 0x84, 0x7F, 0xC0, 0, 0])))  // Not a number
        expect(.invalidValue, header(Shape.track(1, more: [0xE1, 0x84, 0xB5, 0x82, 0, 1])))
        expect(.invalidValue, header(Shape.track(1, more: [0xE1, 0x83, 0x9F, 0x81, 0])))
        expect(.invalidValue, header(Shape.track(1, more: [0x73, 0xC5, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1])))
    }

    @Test func timecodeScale() {
        func header(_ scale: UInt64) -> [UInt8] { Shape.ebml + Shape.segment + Shape.info(scale: scale) + Shape.tracks(Shape.track(1)) }
        expectFine(header(1))
        expectFine(header(1_000_000_000))
        expect(.invalidValue, header(0))
        expect(.invalidValue, header(1_000_000_001))
        let most = UInt64(Int64.max / 1_000_000_000)
        expectFine(header(1_000_000_000) + Shape.cluster(most) + Shape.block())
        expect(.invalidTime, header(1_000_000_000) + Shape.cluster(most) + Shape.block(1))
        expect(.invalidTime, header(1_000_000_000) + Shape.cluster(most + 1))
        expect(.invalidTime, header(1) + Shape.cluster(UInt64(Int64.max) + 1))
        expect(.invalidTime, header(1) + Shape.cluster(UInt64(Int64.max)) + Shape.block(1))
        expectFine(header(1) + Shape.cluster(32768) + Shape.block(.min))
        expect(.invalidTime, header(1) + Shape.cluster(32767) + Shape.block(.min))
        expect(.invalidTime, header(1) + Shape.cluster(32767) + Shape.group(.min))
        expect(.invalidValue, Shape.header + [0x1F, 0x43, 0xB6, 0x75, 0xFF, 0xE7, 0x89] + Array(repeating: 0, count: 9))
    }

    @Test func blocks() {
        expect(.invalidBlock, open([0xA3, 0x83, 0x81, 0, 0]))
        expectFine(open([0xA3, 0x84, 0x81, 0, 0, 0x80]))
        expect(.invalidBlock, open([0xA3, 0x84, 0x40, 1, 0, 0]))  // A track of two bytes leaves none for the flags.
        expectFine(open([0xA3, 0x85, 0x40, 1, 0, 0, 0]))
        expect(.invalidBlock, open([0xA3, 0x84, 0x80, 0, 0, 0]))  // No track has number 0.
        expect(.invalidBlock, open([0xA3, 0x8D, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
        #expect(Reading(open(Shape.element([0xA3], [0x01, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x80]))).blocks.last?.track == 65536)
    }

    @Test func lacing() {
        func laced(_ flags: UInt8, _ payload: [UInt8]) -> [UInt8] { open(Shape.block(flags: flags, payload)) }
        // Xiph: 255 and 1 make 256.
        let frame = [UInt8](repeating: 0, count: 256)
        expectFine(laced(0x02, [1, 255, 1] + frame))
        expect(.invalidLacing, laced(0x02, [1, 255, 1] + frame.dropLast()))
        expect(.invalidLacing, laced(0x02, [1, 255]))
        expect(.invalidLacing, laced(0x02, []))
        expectFine(laced(0x02, [0]))
        expectFine(laced(0x02, [255] + [UInt8](repeating: 0, count: 255)))
        expect(.invalidLacing, laced(0x02, [255] + [UInt8](repeating: 0, count: 254)))
        // Fixed: three frames of one size.
        expectFine(laced(0x04, [2, 1, 2, 3]))
        expectFine(laced(0x04, [2]))
        expect(.invalidLacing, laced(0x04, [2, 1, 2, 3, 4]))
        expect(.invalidLacing, laced(0x04, []))
        // EBML: 3, then 3 - 1, then what remains.
        expectFine(laced(0x06, [2, 0x83, 0xBE, 1, 2, 3, 4, 5]))
        expect(.invalidLacing, laced(0x06, [2, 0x83, 0xBE, 1, 2, 3, 4]))
        expect(.invalidLacing, laced(0x06, [2, 0x80, 0xBE, 1]))
        expect(.invalidLacing, laced(0x06, [1, 0x00, 0, 0]))
        expect(.invalidLacing, laced(0x06, [1, 0x40]))
        expect(.invalidLacing, laced(0x06, [2, 0x81, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]))
        // In a group too.
        expect(.invalidLacing, open(Shape.group(flags: 0x04, [2, 1, 2, 3, 4])))
    }

    @Test func framesOfACluster() {
        let full = Shape.block(flags: 0x04, [255])
        let most = Array(repeating: full, count: (1 << 17) / 256).flatMap { $0 }
        expectFine(Shape.header + Shape.cluster(0) + most + Shape.cluster(1) + most)
        #expect(Reading(Shape.header + Shape.cluster(0) + most + Shape.block()).reason == .tooManyFrames)
    }

    @Test func tags() {
        let inner = Shape.simpleTag("c", "3")
        expectFine(open(Shape.tags(Shape.simpleTag("a", "1", more: inner))))
        expect(.nestedTooDeep, open(Shape.tags(Shape.simpleTag("a", "1", more: Shape.simpleTag("b", "2", more: inner)))))
        expect(.beyondParent, open(Shape.element([0x12, 0x54, 0xC3, 0x67], [0x73, 0x73, 0x82, 0x67])))
        expect(.unknownSize, open(Shape.element([0x12, 0x54, 0xC3, 0x67], [0x73, 0x73, 0xFF])))
        expect(.truncated, open(Shape.tags()).dropLast())
    }

    @Test func `every reason is one that something has`() {
        #expect(Set(Violation.Reason.allCases.map(\.rawValue)).count == Violation.Reason.allCases.count)
        #expect(Violation(offset: 7, reason: .truncated).description == "the bytes end in the middle of an element, at byte 7")
    }
}
