import Contract
import Glibc
import Logging

/// The folder in which the agent keeps the configurations that it holds, a file for each stream, and in which the recorder and the uploader say
/// how they do.
///
/// A configuration is there whole or not at all, in its old or its new revision, whatever moment the agent is killed at or the power is lost.
/// Every method can be repeated. What is on the disk is the truth: nothing of it is remembered but which streams it was about.
actor Folder {
    /// Why the agent refuses to do something in the folder, though the disk would let it.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// Bytes of a file that is read: a configuration or a status has a few thousand at most.
    private static let limit = 64 * 1024

    private let folder: OpenFolder
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
        self.disk = disk
        self.logger = logger
        folder = try disk.open(path)
        do throws(DiskError) {
            lock = try FolderLock(".weir-edge-agent.lock", in: folder)
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            throw Refusal(description: "Another agent uses the folder \(path).")
        }
    }

    // MARK: Configurations

    /// The configurations that are in the folder now, in the order of their ARNs. A file that is none is left alone, and complained about once.
    func held() throws -> [HeldEdgeConfiguration] {
        var held: [HeldEdgeConfiguration] = []
        for name in try disk.list(folder) where StreamFiles.isConfiguration(name) {
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

    /// Writes the configuration of a stream in place of the one that is there. Refuses to write over a file that is no configuration of this stream.
    func write(_ configuration: AgentEdgeConfiguration) throws {
        let files = StreamFiles(streamARN: configuration.streamARN)
        try refuseForeign(files.configuration, of: configuration.streamARN)
        // One name will do, as there is one agent and it writes one file at a time. A file that a crash left is removed.
        let temporary = ".weir-edge-agent.new"
        do {
            try disk.write(Self.text(configuration), to: temporary, in: folder)
            try disk.rename(temporary, to: files.configuration, in: folder)
        } catch {
            try? disk.removeFile(temporary, in: folder)
            throw error
        }
        try disk.synchronize(folder)
        streamARNs.insert(configuration.streamARN)
    }

    /// Removes the configuration of a stream, then what the recorder and the uploader said, then the media: a recorder stops when its configuration
    /// is gone. Refuses to remove a file that is no configuration of this stream, and media that is not in this folder.
    ///
    /// - Throws: `CancellationError` where the task is cancelled before all the media is removed.
    func delete(streamARN: String) throws {
        let files = StreamFiles(streamARN: streamARN)
        try refuseForeign(files.configuration, of: streamARN)
        let media = try disk.kind(files.media, in: folder)
        guard media == nil || media == .folder else {
            throw Refusal(
                description:
                    "\(folder.path)/\(files.media) is no folder but a link or a file, and the agent removes nothing that is elsewhere: remove the "
                    + "media by hand.")
        }
        streamARNs.remove(streamARN)
        try remove([files.configuration, files.recorderStatus, files.uploaderStatus])
        if media != nil { try removeTree(files.media, in: folder) }
        try disk.synchronize(folder)
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
        try disk.synchronize(folder)
    }

    private func remove(_ names: [String]) throws(DiskError) {
        for name in names { try disk.removeFile(name, in: folder) }
    }

    /// Removes a folder and all that is in it. Links in it are removed and not followed.
    private func removeTree(_ name: String, in folder: OpenFolder) throws {
        let opened = try disk.open(name, in: folder)
        for entry in try disk.list(opened) {
            try Task.checkCancellation()
            if try disk.kind(entry, in: opened) == .folder {
                try removeTree(entry, in: opened)
            } else {
                try disk.removeFile(entry, in: opened)
            }
        }
        try disk.removeFolder(name, in: folder)
    }

    /// Refuses where what has this name is no configuration, or one of a stream of another name: `gate` and `Gate` are two, which some file systems
    /// cannot tell apart.
    private func refuseForeign(_ name: String, of streamARN: String) throws {
        guard try disk.kind(name, in: folder) != nil else { return }
        guard let there = try? configuration(in: name) else {
            throw Refusal(description: "\(folder.path)/\(name) is not a file of this agent's, and is left alone: move it away.")
        }
        let (stream, other) = (StreamFiles.streamName(in: streamARN), StreamFiles.streamName(in: there.streamARN))
        guard stream == other else {
            throw Refusal(
                description:
                    "\(folder.path)/\(name) is the file of the stream \(other), and this file system takes \(stream) for the same name.")
        }
    }

    // MARK: Statuses

    /// What the recorders and uploaders of the streams have said that was not yet told.
    func untoldStatuses(thing: String) -> [StatusWatch.News] {
        statuses.news(of: streamARNs, thing: thing) { name in
            try disk.stamp(name, in: folder)
        } read: { name in
            try disk.read(name, in: folder, limit: Self.limit)
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

    /// Which configuration is in a file, without its contents; nil where the file is missing or holds something else.
    private func configuration(in name: String) throws -> HeldEdgeConfiguration? {
        guard let bytes = try disk.read(name, in: folder, limit: Self.limit), case .object(let object) = try? JSONParser.parse(bytes),
            case .string(let streamARN) = object["StreamARN"], case .string(let revision) = object["Revision"],
            case .object = object["EdgeConfig"]
        else { return nil }
        return HeldEdgeConfiguration(revision: revision, streamARN: streamARN)
    }
}
