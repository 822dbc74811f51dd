import Contract
import FragmentStore
import Identity
import Logging
import NIOCore
import Planes
import SQL
import Store

extension GetMediaForFragmentList: MediaOperation {}

extension MediaPlane {
    /// Sends fragments in the order in which they are named. All of them are known before the answer begins.
    func getMediaForFragmentList(_ input: GetMediaForFragmentList.Input, _ call: MediaCall, _ writer: any ResponseWriter) async throws {
        let records = try await fragments(input.fragments, call)
        try await writer.start(contentType: MediaDocument.contentType)
        let fragments = FragmentSender(self, writer, .getMediaForFragmentList)
        for record in records {
            do {
                try await fragments.send(record, olderNames: true)
            } catch let failure as ReadFailure {
                logger.warning("a fragment cannot be read", metadata: ["number": "\(record.number)", "error": "\(failure.context)"])
                return try await writer.write(MediaDocument.exception(record.number, failure, isFirst: !fragments.hasBegun))
            }
        }
    }

    private func fragments(_ names: [String], _ call: MediaCall) async throws(OperationError) -> [FragmentRecord] {
        let stream = try await stream(call.key)
        guard stream.retentionHours > 0 else {
            throw OperationError(.invalidArgument, "The stream \(call.key.name) keeps no media: its retention is 0 hours.")
        }
        var records: [FragmentRecord] = []
        var unknown: [String] = []
        for (place, name) in names.enumerated() {
            // Others on the event loop have their turn.
            if place % 32 == 31 { await Task.yield() }
            do throws(ReadFailure) {
                if let number = FragmentNumber(name), let record = try await store.fragment(number, of: stream.key) {
                    records.append(record)
                } else {
                    unknown.append(name)
                }
            } catch {
                throw OperationError(error)
            }
        }
        guard unknown.isEmpty else {
            let shown = unknown.prefix(10).joined(separator: ", ") + (unknown.count > 10 ? ", ..." : "")
            throw OperationError(.invalidArgument, "Fragment numbers are invalid : \(shown)")
        }
        return records
    }
}

/// Sends fragments that are stored to one client.
///
/// Threads: one task.
final class FragmentSender {
    private let plane: MediaPlane
    private let writer: any ResponseWriter
    private let operation: OperationID
    /// The header that was sent last: most fragments have the same.
    private var trackSet: StoredTrackSet?
    /// Whether anything was sent.
    private(set) var hasBegun = false

    init(_ plane: MediaPlane, _ writer: any ResponseWriter, _ operation: OperationID) {
        self.plane = plane
        self.writer = writer
        self.operation = operation
    }

    /// Sends the fragment with what stands before it, but for its first `offset` bytes where it has been begun already.
    func send(_ record: FragmentRecord, olderNames: Bool = false, from offset: Int? = nil) async throws {
        var head: ByteBuffer?
        if offset == nil {
            if trackSet?.id != record.trackSet { trackSet = try await plane.store.trackSet(of: record) }
            guard let trackSet else { return }
            head = MediaDocument.head(trackSet, record.number, producerTime: record.producerTime, olderNames: olderNames)
        }
        var skipped = offset ?? 0
        var pieces = plane.store.bytes(of: record).makeAsyncIterator()
        while var piece = try await pieces.next() {
            let skip = min(skipped, piece.readableBytes)
            piece.moveReaderIndex(forwardBy: skip)
            skipped -= skip
            guard piece.readableBytes > 0 else { continue }
            // Nothing of a fragment is sent before its first bytes are read.
            if let first = head {
                head = nil
                try await writer.write(first)
            }
            hasBegun = true
            plane.metrics.sent(piece.readableBytes, by: operation)
            try await writer.write(piece)
        }
        plane.metrics.sentFragment(by: operation)
    }
}

extension ReadFailure {
    /// For operators.
    var context: String {
        switch self {
        case .streamGone: "the stream is gone"
        case .fragmentGone: "the fragment is gone"
        case .damaged(let text), .disk(let text): text
        case .database(let error): error.description
        }
    }
}
