import Contract
import FoundationEssentials
import FragmentStore
import Frames
import Identity
import Logging
import NIOCore
import Planes
import Store

extension GetImages: MediaOperation {
    static func check(_ input: Input) throws(OperationError) { _ = try ImageSampling(input) }
}

extension MediaPlane {
    /// Pictures of a page: no more are sent whatever is asked for. Reference, GetImages, MaxResults.
    private static let mostImages = 25

    /// Sends a page of images, each as it is made, so that no more of them are in memory than one fragment has.
    func getImages(_ input: GetImages.Input, _ call: MediaCall, _ writer: any ResponseWriter) async throws {
        let stream = try await stream(call.key)
        guard stream.retentionHours > 0 else {
            throw OperationError(.noDataRetention, "The stream \(call.key.name) keeps no media: its retention is 0 hours.")
        }
        let sampling = try ImageSampling(input)
        let filter = "\(stream.arn) \(sampling.text)"
        let first = try pageTokens.last(in: input.nextToken, filter: filter, call.operation, call.caller).flatMap { Int($0) } ?? 0
        guard let frames, frames.isInstalled else {
            throw OperationError(
                .invalidArgument, "GetImages is not supported by this server: weir-frames, which makes images, is not installed.")
        }
        let indices = min(first, sampling.count)..<min(first + min(input.maxResults ?? Self.mostImages, Self.mostImages), sampling.count)
        let next = indices.upperBound < sampling.count ? String(indices.upperBound) : nil
        let token = next.map { pageTokens.token(after: $0, filter: filter, call.operation, call.caller) }
        let isDone: Void? = try await frames.call {
            let groups = try await groups(indices.map { sampling.moment($0) }, sampling, of: stream)
            try await writer.start(contentType: "application/json")
            try await writer.write(ByteBuffer(string: #"{"Images":["#))
            var images = ImageSender(plane: self, writer: writer, sampling: sampling)
            for group in groups { try await images.send(group, frames) }
            try await writer.write(ByteBuffer(string: token.map { #"],"NextToken":"\#($0)"}"# } ?? "]}"))
        }
        guard isDone != nil else {
            throw OperationError(.clientLimitExceeded, "Too many calls for images are under way on this server: try again later.")
        }
    }

    /// How far before a moment a fragment may have begun that covers it, in milliseconds.
    private static let longestFragment: Int64 = 60_000
    /// How far behind the last moment the next fragment is looked for.
    private static let longestGap: Int64 = 2000

    /// The moments by the fragment that covers them, the last that begins no later than the moment. Fragments that start before the range do
    /// not count: the service was seen to do so.
    private func groups(_ moments: [Int64], _ sampling: ImageSampling, of stream: StoredStream) async throws(OperationError) -> [ImageGroup]
    {
        guard let first = moments.first, let last = moments.last else { return [] }
        let start = max(sampling.range.lowerBound, first.clampedSubtracting(Self.longestFragment))
        let (end, overflows) = last.addingReportingOverflow(Self.longestGap)
        var groups: [ImageGroup] = []
        var current = ImageGroup(record: nil, moments: [], next: nil)
        var rest = moments[...]
        var position: FragmentPosition?
        repeat {
            let page: FragmentPage
            do throws(ReadFailure) {
                page = try await store.fragments(
                    of: stream, sampling.source.selection(of: start...(overflows ? last : end)), after: position, limit: 1000)
            } catch {
                throw OperationError(error)
            }
            for record in page.fragments {
                let begin = sampling.source.start(of: record)
                current.moments += rest.prefix { $0 < begin }
                rest = rest.drop { $0 < begin }
                current.next = begin
                if !current.moments.isEmpty { groups.append(current) }
                current = ImageGroup(record: record, moments: [], next: nil)
            }
            position = page.next
        } while position != nil
        current.moments += rest
        if !current.moments.isEmpty { groups.append(current) }
        return groups
    }
}

/// Moments of which one fragment has the images; none where no fragment has.
private struct ImageGroup {
    let record: FragmentRecord?
    var moments: [Int64]
    /// When the fragment after it begins, where there is one.
    var next: Int64?
}

/// Sends images to one client, in the order of their moments.
///
/// Threads: one task.
private struct ImageSender {
    let plane: MediaPlane
    let writer: any ResponseWriter
    let sampling: ImageSampling
    private var isFirst = true

    init(plane: MediaPlane, writer: any ResponseWriter, sampling: ImageSampling) {
        self.plane = plane
        self.writer = writer
        self.sampling = sampling
    }

    mutating func send(_ group: ImageGroup, _ frames: FramePool) async throws {
        guard let record = group.record else {
            for moment in group.moments { try await send(.failure(.noMedia), at: moment) }
            return
        }
        var rest = group.moments[...]
        while !rest.isEmpty {
            // What would be too many bytes at once comes with the next round.
            for result in try await images(of: record, at: Array(rest), next: group.next, frames) {
                try await send(result, at: rest.removeFirst())
            }
        }
    }

    /// Images of the first of the moments, at least one.
    private func images(
        of record: FragmentRecord, at moments: [Int64], next: Int64?, _ frames: FramePool
    ) async throws -> [Result<ByteBuffer, ImageError>] {
        let begin = sampling.source.start(of: record)
        do {
            let pictures = try await plane.store.pictures(
                of: record, at: moments.map { $0 - begin }, next: next.map { $0 - begin }, sampling.style, frames)
            return pictures.map { picture in
                switch picture {
                case .success(let bytes): .success(bytes)
                case .failure: .failure(.mediaError)
                case nil: .failure(.noMedia)
                }
            }
        } catch let failure as ReadFailure {
            switch failure {
            case .fragmentGone, .streamGone: return moments.map { _ in .failure(.noMedia) }
            case .damaged(let context):
                plane.logger.warning("a fragment cannot be read", metadata: ["number": "\(record.number)", "error": "\(context)"])
                return moments.map { _ in .failure(.mediaError) }
            case .disk, .database: throw failure
            }
        }
    }

    /// Characters of an image in an answer. Reference, Image, ImageContent.
    private static let mostCharacters = 6_291_456

    private mutating func send(_ result: Result<ByteBuffer, ImageError>, at moment: Int64) async throws {
        var error: ImageError?
        var content: String?
        switch result {
        case .success(let picture):
            if (picture.readableBytes + 2) / 3 * 4 <= Self.mostCharacters {
                content = Data(picture.readableBytesView).base64EncodedString()
            } else {
                error = .mediaError
            }
        case .failure(let failure): error = failure
        }
        let image = Image(error: error, imageContent: content, timeStamp: Timestamp(millisecondsSinceEpoch: moment))
        let bytes = ByteBuffer(string: (isFirst ? "" : ",") + Image.text(of: image))
        isFirst = false
        plane.metrics.sent(bytes.readableBytes, by: .getImages)
        try await writer.write(bytes)
    }
}

extension Int64 {
    fileprivate func clampedSubtracting(_ other: Int64) -> Int64 {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? .min : difference
    }
}
