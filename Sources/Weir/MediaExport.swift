import ArgumentParser
import Files
import FoundationEssentials
import FragmentStore
import Glibc
import Matroska
import NIOCore
import Settings
import Store

/// Writes a time of a stream into a file that players take.
struct MediaExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write what is kept of a stream into a Matroska file, from the media folder of this machine.",
        usage: "weir media export <stream> [--from <time>] [--to <time>] <file.mkv> [<options>]",
        discussion: """
            Beside the server, if one runs. Frames are as they came; times begin at zero and gaps stay. Where a camera changed its format, or its \
            clock went back, another file is begun: FILE.2.mkv and so on. Of the stream in the account and region of the configuration.

            \(ConfigurationFlags.discussion)
            """)

    @Argument(help: ArgumentHelp("The name of the stream.", valueName: "stream"))
    var stream: String

    @Argument(help: ArgumentHelp("The file, which must not be there yet.", valueName: "file.mkv"))
    var file: String

    @Option(help: ArgumentHelp("Fragments that begin then or later: a time as text, or seconds since 1970.", valueName: "time"))
    var from: String?

    @Option(help: ArgumentHelp("Fragments that begin then or before.", valueName: "time"))
    var to: String?

    @Flag(name: .customLong("producer-time"), help: "The times are of the producer's clock, not of the server's.")
    var isProducerTime = false

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func run() async throws {
        func milliseconds(_ text: String?, _ flag: String) throws -> Int64? {
            try text.map { Int64((try Date.argument($0, of: flag).timeIntervalSince1970 * 1000).rounded()) }
        }
        let (first, last) = (try milliseconds(from, "--from") ?? 0, try milliseconds(to, "--to") ?? 1 << 52)
        guard first <= last else { throw ValidationError("--from is later than --to.") }
        let selection: FragmentSelection = isProducerTime ? .producerTime(first...last) : .serverTime(first...last)
        try await Deployment.open(flags) { deployment, configuration in
            let media = FragmentStore(
                store: deployment.store, configuration: configuration.fragmentStore(instanceID: ""),
                logger: Log.make(level: configuration.logLevel))
            try media.openForReading()
            var export = ExportedFiles(path: file)
            try await write(selection, of: media, configuration, into: &export)
            try export.finish()
            await media.close()
            print("\(export.fragments) fragments, \(export.bytes) bytes: \(export.paths.joined(separator: ", "))")
            if export.fragments == 0 { throw ExitCode(1) }
        }
    }

    private func write(
        _ selection: FragmentSelection, of media: FragmentStore, _ configuration: ServerConfiguration, into export: inout ExportedFiles
    ) async throws {
        let key = ResourceKey(.stream, account: configuration.account, region: configuration.region, name: stream)
        guard let found = try await media.stream(key) else { throw Refused("There is no stream \(stream).") }
        var position: FragmentPosition?
        repeat {
            let page = try await media.fragments(of: found, selection, after: position, limit: 1000)
            for fragment in page.fragments {
                var bytes: [UInt8] = []
                bytes.reserveCapacity(Int(fragment.size))
                for try await piece in media.bytes(of: fragment) { bytes += piece.readableBytesView }
                if export.needsFile(for: fragment) {
                    try export.begin(fragment, header: Array(try await media.trackSet(of: fragment).bytes.readableBytesView))
                }
                try export.write(bytes, of: fragment)
            }
            position = page.next
        } while position != nil
    }
}

/// The files of an export, one behind the other.
private struct ExportedFiles {
    private let path: String
    private(set) var paths: [String] = []
    private(set) var fragments = 0
    private(set) var bytes = 0
    private var descriptor: Int32 = -1
    private var file: FragmentFile?
    private var header: String?
    /// The producer's time at which the present file begins, and of its last fragment.
    private var start: Int64 = 0
    private var last: Int64 = 0

    init(path: String) { self.path = path }

    func needsFile(for fragment: FragmentRecord) -> Bool {
        header != fragment.trackSet.text || fragment.producerTime <= last
    }

    mutating func begin(_ fragment: FragmentRecord, header: [UInt8]) throws {
        try finish()
        let next = paths.isEmpty ? path : "\(path.hasSuffix(".mkv") ? String(path.dropLast(4)) : path).\(paths.count + 1).mkv"
        descriptor = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Refused("\(next) cannot be made: \(String(cString: strerror(errno))).") }
        paths.append(next)
        self.header = fragment.trackSet.text
        start = fragment.producerTime
        let begun = FragmentFile(try Matroska.TrackSet(reading: header), date: start)
        try write(begun.head)
        file = begun
    }

    mutating func write(_ fragment: [UInt8], of record: FragmentRecord) throws {
        guard let written = try file?.add(fragment, at: record.producerTime - start) else { return }
        try write(written)
        last = record.producerTime
        fragments += 1
    }

    /// Ends the present file.
    mutating func finish() throws {
        guard var ending = file else { return }
        file = nil
        try write(ending.end())
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw failure(errno) }
        bytes -= ending.head.count
        try write(ending.head)
        guard fsync(descriptor) == 0, close(descriptor) == 0 else { throw failure(errno) }
        descriptor = -1
    }

    private mutating func write(_ bytes: [UInt8]) throws {
        let code = writeWhole(bytes, to: descriptor)
        guard code == 0 else { throw failure(code) }
        self.bytes += bytes.count
    }

    private func failure(_ code: Int32) -> Refused {
        Refused("\(paths.last ?? path) cannot be written: \(String(cString: strerror(code))).")
    }
}
