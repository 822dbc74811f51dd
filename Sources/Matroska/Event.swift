/// What a parser found, in the order of the bytes.
package enum Event: Sendable, Equatable {
    /// EBML, Segment, Info and Tracks are complete. Once, before the first fragment.
    indirect case header(TrackSet)
    /// A cluster began and its Timecode was read.
    case fragmentStart(FragmentStart)
    /// The head of a block of the open fragment was read; where it is in a BlockGroup, the whole group. Its bytes come by `bytes`.
    case block(Block)
    /// Bytes of the open fragment's cluster after `FragmentStart.head`, to be kept as they are: `held`, then that range of the bytes fed now.
    /// They come at the end of what was fed and before whatever ends the cluster, so a cluster's head and its `bytes` joined are the cluster.
    case bytes(held: HeldBytes, Range<Int>)
    /// A Tags element. While a fragment is open it belongs to that fragment, and its bytes follow the cluster's; otherwise to the next one.
    case tags(Tags)
    /// The open fragment is complete with all its tags.
    case fragmentEnd(FragmentEnd)
    /// The Segment or the body ended as it may; no fragment is open.
    case end
    /// Nothing more is read. The open fragment, if any, is not complete.
    case violation(Violation)
}

package struct FragmentStart: Sendable, Equatable {
    /// Where the Cluster element begins: bytes from the start of the body.
    package let offset: Int
    /// As it stands in the cluster, in units of `Info.timecodeScale`. With that scale it is at most Int64.max nanoseconds.
    package let timecode: Int
    /// The element as it came, up to and with Timecode.
    package let head: [UInt8]
}

package enum FragmentEnd: Sendable, Equatable {
    case nextCluster
    /// By the tag AWS_KINESISVIDEO_END_OF_FRAGMENT.
    case endOfFragmentTag
    case endOfSegment
    case endOfBody
}

/// The head of a SimpleBlock or Block.
package struct Block: Sendable, Equatable {
    package let track: Int
    /// The cluster's timecode and the block's relative time together, in units of `Info.timecodeScale`; never negative.
    package let time: Int
    /// A SimpleBlock by its flag, a Block where its group has no ReferenceBlock.
    package let isKey: Bool
    package let isInvisible: Bool
    package let isDiscardable: Bool
    package let lacing: Lacing
    /// How many frames it has: 1 without lacing, else 1 ... 256.
    package let frames: Int
    /// Of a BlockGroup, in units of `Info.timecodeScale`.
    package let duration: Int?
    /// What follows the flags, with the table of a lacing: bytes from the start of the body.
    package let payload: Range<Int>

    /// How several frames stand in one block.
    package enum Lacing: Sendable { case none, xiph, fixed, ebml }
}

/// Up to three bytes that ended what was fed before, when they could have been the beginning of what ends a cluster.
package struct HeldBytes: RandomAccessCollection, Sendable, Equatable {
    private var bits: UInt32 = 0
    package private(set) var endIndex = 0
    package var startIndex: Int { 0 }

    package subscript(index: Int) -> UInt8 { UInt8(truncatingIfNeeded: bits >> UInt32(8 * index)) }

    init() {}

    mutating func append(_ byte: UInt8) {
        bits |= UInt32(byte) << UInt32(8 * endIndex)
        endIndex += 1
    }
}

/// A Tags element.
package struct Tags: Sendable, Equatable {
    /// The SimpleTags in the order in which they stand, those in a SimpleTag after it, END_OF_FRAGMENT among them.
    package let entries: [Tag]
    /// The element as it came. Where END_OF_FRAGMENT stands beside other tags, the element without it; where it stands alone, nothing.
    package let bytes: [UInt8]
    /// Whether END_OF_FRAGMENT is among the entries: if a fragment is open, `fragmentEnd` comes next.
    package var endsFragment: Bool { entries.contains { $0.name == Tag.endOfFragment } }
}

/// A SimpleTag.
package struct Tag: Sendable, Hashable {
    package static let endOfFragment = "AWS_KINESISVIDEO_END_OF_FRAGMENT"

    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}
