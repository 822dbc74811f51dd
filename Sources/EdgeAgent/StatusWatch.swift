import Contract
import Glibc

/// Notices when the recorder or the uploader of a stream has something new to say.
///
/// A file is read when its stamp has changed, and told when its content has. A stamp that is hardly older than the reading of it is not trusted: the
/// file may be changed again within the same tick of the file system's clock.
struct StatusWatch {
    /// What to tell of one stream.
    struct News: Sendable {
        let input: ReportEdgeAgentStatus.Input
        /// What was read, by the name of the file.
        fileprivate let contents: [String: [UInt8]]
    }

    private struct Seen {
        /// Nil where the file has to be read again.
        var stamp: FileStamp?
        var status: AgentJobStatus?
        var content: [UInt8]?
        var told: [UInt8]?
        var isMalformed = false
    }

    /// By the name of the file.
    private var seen: [String: Seen] = [:]

    /// What there is to tell of these streams. It is news until it was told.
    ///
    /// - Parameter complain: Called for a file that is not understood; once, and again only after the file was understood in between.
    mutating func news(
        of streamARNs: Set<String>, thing: String, stamp: (String) throws -> FileStamp?, read: (String) throws -> [UInt8]?,
        complain: (String, String) -> Void
    ) -> [News] {
        var news: [News] = []
        var present: [String: Seen] = [:]
        for streamARN in streamARNs {
            let files = StreamFiles(streamARN: streamARN)
            for name in [files.recorderStatus, files.uploaderStatus] {
                var file = seen[name] ?? Seen()
                do {
                    guard let now = try stamp(name) else { continue }
                    if file.stamp != now, let bytes = try read(name) {
                        file.stamp = Self.isSettled(now) ? now : nil
                        if file.content != bytes {
                            file.content = bytes
                            file.status = nil
                            file.status = try Self.status(bytes, streamARN: streamARN, thing: thing)
                        }
                        if file.status != nil { file.isMalformed = false }
                    }
                } catch {
                    let why = (error as? OperationError)?.publicMessage ?? (error as? JSONError)?.message ?? "\(error)"
                    if !file.isMalformed { complain(name, why) }
                    file.isMalformed = true
                }
                present[name] = file
            }
            if let item = Self.news(files, streamARN, thing, present) { news.append(item) }
        }
        // Forgets the files that are gone, so that the same words said anew are news.
        seen = present
        return news
    }

    /// Notes that this was told.
    mutating func told(_ news: News) {
        for (name, content) in news.contents { seen[name]?.told = content }
    }

    private static func news(_ files: StreamFiles, _ streamARN: String, _ thing: String, _ present: [String: Seen]) -> News? {
        var contents: [String: [UInt8]] = [:]
        func untold(_ name: String) -> AgentJobStatus? {
            guard let file = present[name], let status = file.status, file.content != file.told else { return nil }
            contents[name] = file.content
            return status
        }
        let recorder = untold(files.recorderStatus)
        let uploader = untold(files.uploaderStatus)
        guard recorder != nil || uploader != nil else { return nil }
        let input = ReportEdgeAgentStatus.Input.make(
            hubDeviceArn: thing, streamARN: streamARN, recorderStatus: recorder, uploaderStatus: uploader)
        return News(input: input, contents: contents)
    }

    /// Whether a change after the stamp was taken would show in it. The clocks of file systems have ticks of up to two seconds.
    private static func isSettled(_ stamp: FileStamp) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return stamp.seconds < Int64(now.tv_sec) - 2
    }

    /// The status that a file spells, checked as the deployment would.
    private static func status(_ bytes: [UInt8], streamARN: String, thing: String) throws -> AgentJobStatus? {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("HubDeviceArn")
        writer.string(thing)
        writer.key("StreamARN")
        writer.string(streamARN)
        writer.key("RecorderStatus")
        writer.value(try JSONParser.parse(bytes))
        writer.endObject()
        return try writer.bytes.withUnsafeBytes(ReportEdgeAgentStatus.decode).recorderStatus
    }
}
