import Contract
import FragmentStore
import Matroska
import SQL
import Store

extension ProducerConnection {
    /// What is committed together with a fragment because its producer tagged it; nil for one that asks for nothing. Only what is kept has it.
    func following(_ ending: PutMediaSession.Ending) -> (@Sendable (FragmentRecord, inout Batch) -> Void)? {
        guard ending.flags.contains(.notification) else { return nil }
        let (stream, cause, moment) = (ingest.stream.arn, cause, plane.clock())
        return { record, batch in
            let message = FragmentNotification(stream, record, ending.tags).json
            batch.notify(
                of: record.streamID, sequence: record.number.sequence, FragmentNotice(message: message, cause: cause, moment: moment))
        }
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
