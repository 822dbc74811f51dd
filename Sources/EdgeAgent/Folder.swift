import Contract
import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The folder in which the agent keeps the configurations that it holds, a file for each stream, and in which the recorder and the uploader say
/// how they do.
///
/// A configuration is there whole or not at all, in its old or its new revision, whatever moment the agent is killed at or the power is lost.
/// Every method can be repeated. What is on the disk is the truth: nothing of it is remembered but which streams it was about.
actor Folder {
    /// What cannot be done in the folder, for a reason that is none of the disk's.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// No configuration has more than a few thousand bytes, and no status.
    private static let limit = 64 * 1024

    private let path: String
    private let disk: any Disk
    private let logger: Logger
    private let lock: FolderLock
    private let queue = FolderQueue()
    /// The streams with a configuration, as far as is known since it was listed last.
    private var streamARNs: Set<String> = []
    private var statuses = StatusWatch()
    /// Files that were complained about, so that it is done once.
    private var strangers: Set<String> = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// Makes the folder, unless it is there, and takes it for this agent alone.
    init(_ path: String, disk: any Disk = LocalDisk(), logger: Logger) throws {
        self.path = path
        self.disk = disk
        self.logger = logger
        try disk.makeFolder(path)
        do throws(DiskError) {
            lock = try FolderLock(path + "/.weir-edge-agent.lock")
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            throw Refusal(description: "Another agent uses the folder \(path).")
        }
    }

    // MARK: Configurations

    /// The configurations that are in the folder now, in the order of their ARNs. A file that is none is left alone, and complained about once.
    func held() throws -> [HeldEdgeConfiguration] {
        var held: [HeldEdgeConfiguration] = []
        for name in try disk.list(path) where StreamFiles.isConfiguration(name) {
            guard let configuration = try? configuration(in: name), StreamFiles(streamARN: configuration.streamARN).configuration == name
            else {
                if strangers.insert(name).inserted {
                    logger.warning("a file in the folder is no configuration, and is left alone", metadata: ["file": "\(name)"])
                }
                continue
            }
            strangers.remove(name)
            held.append(configuration)
        }
        streamARNs = Set(held.map(\.streamARN))
        return held.sorted { $0.streamARN < $1.streamARN }
    }

    /// Writes the configuration of a stream in place of the one that is there.
    func write(_ configuration: AgentEdgeConfiguration) throws {
        let files = StreamFiles(streamARN: configuration.streamARN)
        try refuseOther(than: configuration.streamARN, in: files.configuration)
        // One name will do, as there is one agent and it writes one file at a time. A file that a crash left is written over.
        let temporary = path + "/.weir-edge-agent.new"
        do {
            try disk.write(Self.text(configuration), to: temporary)
            try disk.rename(temporary, to: path + "/" + files.configuration)
        } catch {
            try? disk.removeFile(temporary)
            throw error
        }
        try disk.synchronizeFolder(path)
        streamARNs.insert(configuration.streamARN)
    }

    /// Removes the configuration of a stream, then what the recorder and the uploader said, then the media: a recorder stops when its configuration
    /// is gone.
    ///
    /// - Throws: `CancellationError` where the task is cancelled before all the media is removed.
    func delete(streamARN: String) throws {
        let files = StreamFiles(streamARN: streamARN)
        try refuseOther(than: streamARN, in: files.configuration)
        streamARNs.remove(streamARN)
        try remove([files.configuration, files.recorderStatus, files.uploaderStatus])
        try removeTree(path + "/" + files.media)
        try disk.synchronizeFolder(path)
    }

    /// Removes the configuration of a stream that the deployment does not know for this thing any more. Nobody asked to delete the media, so it
    /// stays.
    func forget(streamARN: String) throws {
        let files = StreamFiles(streamARN: streamARN)
        // The name may be used again by now, by a younger stream.
        guard try configuration(in: files.configuration)?.streamARN == streamARN else { return }
        streamARNs.remove(streamARN)
        // The configuration is the last to go: as long as it is there, the deployment says again to forget it.
        try remove([files.recorderStatus, files.uploaderStatus, files.configuration])
        try disk.synchronizeFolder(path)
    }

    private func remove(_ names: [String]) throws(DiskError) {
        for name in names { try disk.removeFile(path + "/" + name) }
    }

    /// Removes what is at this path, and all that is in it. A link is followed here, as the media may be on another disk, but no link in it.
    private func removeTree(_ path: String) throws {
        for name in try disk.list(path) {
            try Task.checkCancellation()
            let entry = path + "/" + name
            if try disk.isFolder(entry) { try removeTree(entry) } else { try disk.removeFile(entry) }
        }
        if try disk.isFolder(path) { try disk.removeFolder(path) } else { try disk.removeFile(path) }
    }

    /// Streams `gate` and `Gate` are two, which some file systems cannot tell apart.
    private func refuseOther(than streamARN: String, in name: String) throws {
        guard let there = try? configuration(in: name) else { return }
        let (stream, other) = (StreamFiles.streamName(in: streamARN), StreamFiles.streamName(in: there.streamARN))
        guard stream == other else {
            throw Refusal(
                description: "\(path)/\(name) is the file of the stream \(other), and this file system takes \(stream) for the same name.")
        }
    }

    // MARK: Statuses

    /// What the recorders and uploaders of the streams have said that was not yet told.
    func untoldStatuses(thing: String) -> [StatusWatch.News] {
        statuses.news(of: streamARNs, thing: thing) { name in
            try disk.stamp(path + "/" + name)
        } read: { name in
            try disk.read(path + "/" + name, limit: Self.limit)
        } complain: { name, why in
            logger.warning("a status is not understood", metadata: ["file": "\(name)", "why": "\(why)"])
        }
    }

    /// Notes that the deployment was told.
    func told(_ news: StatusWatch.News) { statuses.told(news) }

    // MARK: The file of a configuration

    private static func text(_ configuration: AgentEdgeConfiguration) throws(JSONError) -> [UInt8] {
        var writer = JSONWriter(layout: .pretty)
        writer.beginObject()
        writer.key("StreamARN")
        writer.string(configuration.streamARN)
        writer.key("Revision")
        writer.string(configuration.revision)
        writer.key("EdgeConfig")
        writer.value(try JSONParser.parse(Array(EdgeConfig.text(of: configuration.edgeConfig).utf8)))
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    /// The configuration in a file, without what it says; nil where there is no file or it is none.
    private func configuration(in name: String) throws -> HeldEdgeConfiguration? {
        guard let bytes = try disk.read(path + "/" + name, limit: Self.limit), case .object(let object) = try JSONParser.parse(bytes),
            case .string(let streamARN) = object["StreamARN"], case .string(let revision) = object["Revision"],
            case .object = object["EdgeConfig"]
        else { return nil }
        return HeldEdgeConfiguration(revision: revision, streamARN: streamARN)
    }
}
