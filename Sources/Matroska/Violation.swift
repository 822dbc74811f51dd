/// Why bytes are not a stream that Kinesis Video Streams takes. Nothing after it is read.
package struct Violation: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where it was noticed: bytes from the start of the body.
    package let offset: Int
    package let reason: Reason

    package var description: String { "\(reason.rawValue), at byte \(offset)" }

    /// What is wrong, in words for a log. Thrown alone where only the caller knows the place.
    package enum Reason: String, Error, CaseIterable {
        case invalidElementID = "an element's identifier is malformed"
        case invalidSize = "an element's size is malformed"
        case unknownSize = "an element other than Segment and Cluster has no known size"
        case beyondParent = "an element is longer than the one that holds it"
        case unexpectedElement = "an element stands where it is not allowed"
        case repeatedElement = "an element that may stand once stands twice"
        case elementTooLarge = "an element is larger than the limit for its kind"
        case unsupportedDocument = "the EBML header asks for what is not supported, or the document is no Matroska"
        case missingInfo = "a cluster comes before Info and Tracks"
        case invalidValue = "an element's value is malformed or out of its range"
        case tooManyTracks = "there are more tracks than allowed"
        case invalidTrack = "a track has no number, a number that another has, or no type"
        case missingTimecode = "a cluster has no Timecode before its first block"
        case invalidTime = "a block's time is negative or too large"
        case invalidBlock = "a block is malformed"
        case invalidLacing = "a block's lacing does not fit its size"
        case tooManyFrames = "a cluster has more frames than the limit"
        case nestedTooDeep = "tags are nested more than two deep"
        case truncated = "the bytes end in the middle of an element"
    }
}
