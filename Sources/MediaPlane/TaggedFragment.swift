import Contract
import FragmentStore
import Matroska
import SQL
import Store

extension ProducerConnection {
    /// What is committed together with a fragment because its producer tagged it; nil for one that asks for nothing. Only what is kept has it.
    func following(
        _ ending: PutMediaSession.Ending, serverTime: Int64, producerTime: Int64
    ) -> (@Sendable (FragmentRecord, inout Batch) -> Void)? {
        let images = ending.flags.contains(.imageGeneration) ? imageOrder(ending, serverTime, producerTime) : nil
        let notifies = ending.flags.contains(.notification)
        guard notifies || images != nil else { return nil }
        let (stream, cause, moment) = (ingest.stream.arn, cause, plane.clock())
        return { record, batch in
            if notifies {
                let message = FragmentNotification(stream, record, ending.tags).json
                batch.notify(
                    of: record.streamID, sequence: record.number.sequence, FragmentNotice(message: message, cause: cause, moment: moment))
            }
            if let images { batch.orderImages(of: record.streamID, sequence: record.number.sequence, images) }
        }
    }

    /// The images of a fragment that are due, as its stream is configured; nil where none are.
    private func imageOrder(_ ending: PutMediaSession.Ending, _ serverTime: Int64, _ producerTime: Int64) -> ImageOrder? {
        guard let configuration = ingest.current.imageGeneration.flatMap(ImageGenerationConfiguration.value(from:)),
            configuration.status == .enabled
        else { return nil }
        let interval = min(max(Int64(configuration.samplingInterval), 1), ImageClock.longestInterval)
        let start = configuration.imageSelectorType == .serverTimestamp ? serverTime : producerTime
        guard let first = firstImage(from: start, length: ending.length, interval: interval) else { return nil }
        return ImageOrder(first: first, interval: interval, tags: ImageTags(ending.tags).json, cause: cause)
    }
}

/// When the images of a producer's fragments are due: at an interval as long as tagged fragments follow each other, and at the start of the first
/// after a pause.
struct ImageClock {
    /// A year: longer intervals are taken for it.
    static let longestInterval: Int64 = 365 * 86_400_000

    /// When the next is due, by the clock of the starts.
    private var due: Int64?

    /// Returns when the first image of a fragment is due, in milliseconds from its start; nil where none is. It is below zero where it was due
    /// before the start: then the image of the start takes its place.
    ///
    /// - Parameters:
    ///   - start: In milliseconds since the epoch.
    ///   - length: From the first frame to the last, in milliseconds.
    mutating func first(from start: Int64, length: Int64, interval: Int64) -> Int64? {
        let (end, overflows) = start.addingReportingOverflow(max(length, 0))
        let (_, isLate) = end.addingReportingOverflow(interval)
        guard !overflows, !isLate else { return nil }
        // A clock that was changed, or another selector, begins anew too.
        let first = due.flatMap { due in due > start - interval && due <= start + interval ? due : nil } ?? start
        guard first <= end else { return nil }
        due = first + ((end - first) / interval + 1) * interval
        return first - start
    }
}

/// The notification of a fragment that its producer tagged, as topics get it. Developer guide, "Getting started with notifications".
struct FragmentNotification {
    private let streamARN: String
    private let record: FragmentRecord
    /// The fragment's other tags, at most ten, in their order; of a name that comes twice the first.
    private let payload: [Matroska.Tag]

    init(_ streamARN: String, _ record: FragmentRecord, _ tags: [Matroska.Tag]) {
        self.streamARN = streamARN
        self.record = record
        var names: Set = [Matroska.Tag.notification]
        payload = tags.filter { names.insert($0.name).inserted }
    }

    /// Times are milliseconds since the epoch.
    var json: String {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.key("StreamArn")
        writer.string(streamARN)
        writer.key("FragmentNumber")
        writer.string(record.number.description)
        writer.key("FragmentStartProducerTimestamp")
        writer.integer(record.producerTime)
        writer.key("FragmentStartServerTimestamp")
        writer.integer(record.serverTime)
        writer.key("NotificationType")
        writer.string("PERSISTED")
        writer.key("NotificationPayload")
        writer.beginObject()
        for tag in payload {
            writer.key(tag.name)
            writer.string(tag.value)
        }
        writer.endObject()
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
