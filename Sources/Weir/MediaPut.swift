import ArgumentParser
import Client
import Files
import FoundationEssentials
import Glibc
import MediaClient
import UnixSignals

/// Sends a file, or what comes on standard input, to a stream.
struct MediaPut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Send a Matroska or WebM file, or a live stream, to a stream.",
        usage: """
            weir media put --stream <name> <file> [--realtime] [--start <time>] [<options>]
            ffmpeg ... -f matroska - | weir media put --stream <name> -
            """,
        discussion: """
            Pictures and sound are cut into fragments at key frames and sent, and each fragment is kept until the server says that it is stored. \
            When the connection breaks, it is made again and sending goes on with what is not stored. Ctrl-C and SIGTERM end the source; what was read \
            is still stored, unless nothing is for 30 seconds.

            Ends with status 0 when all of the source is stored, with 1 when something of it is not, and with 64 when the command is wrong.

            \(ClientFlags.discussion)
            """)

    @Option(help: ArgumentHelp("The stream.", valueName: "name"))
    var stream: String

    @Argument(help: ArgumentHelp("The file; - for standard input, whose first frame is of now.", valueName: "file"))
    var file: String

    @Flag(help: "Send a file no faster than it plays.")
    var realtime = false

    @Option(help: ArgumentHelp("When the file begins, as a time or in seconds since 1970. Default: now.", valueName: "time"))
    var start: String?

    @Option(
        name: .customLong("give-up"),
        help: ArgumentHelp("Seconds without progress after which to give up; 0 for never.", valueName: "seconds"))
    var givingUpAfter = 300

    @OptionGroup(title: "Deployment")
    var client: ClientFlags

    func run() async throws {
        let start = try start.map { try Date.argument($0, of: "--start") }
        guard givingUpAfter >= 0 else { throw ValidationError("--give-up: must not be negative") }
        let settings = MediaProducer.Settings(
            stream: stream, isLive: file == "-", start: start, isRealtime: realtime,
            givingUpAfter: givingUpAfter == 0 ? nil : Double(givingUpAfter))
        let client = try client.settings()
        let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Refused("\(file): \(String(cString: strerror(errno)))") }
        let producer = MediaProducer(settings, client, reading: descriptor)
        let display = ProgressDisplay(stream)
        let stored = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var interruptions = 0
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    interruptions += 1
                    guard interruptions == 1 else { Glibc.exit(130) }
                    producer.stop()
                }
            }
            defer { group.cancelAll() }
            return try await producer.run(display.show)
        }
        display.end(stored)
    }
}

/// What a person, or a log, sees of the progress on standard error.
private final class ProgressDisplay: Sendable {
    private let stream: String
    /// On a terminal one line is written over; elsewhere a line comes every ten seconds.
    private let isTerminal = isatty(STDERR_FILENO) == 1

    init(_ stream: String) { self.stream = stream }

    func show(_ report: MediaProducer.Report) {
        switch report {
        case .notice(let text): write("\(isTerminal ? "\r\u{1B}[K" : "")\(stream): \(text)\n")
        case .progress(let progress):
            let line = "\(stream): \(text(progress)), \(decimal(progress.secondsBehind)) s behind"
            if isTerminal { write("\r\u{1B}[K\(line)") } else if progress.seconds.isMultiple(of: 10) { write("\(line)\n") }
        }
    }

    func end(_ progress: MediaProducer.Progress) {
        let outcome =
            progress.isKept
            ? "stored \(text(progress))"
            : "received \(text(progress)); nothing of it is kept, since the retention of the stream is 0 hours"
        write("\(isTerminal ? "\r\u{1B}[K" : "")\(stream): \(outcome)\n")
    }

    private func text(_ progress: MediaProducer.Progress) -> String {
        "\(progress.fragments) fragments, \(decimal(Double(progress.bytes) / 1e6)) MB"
    }

    /// With one digit of fraction.
    private func decimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private func write(_ text: String) { _ = writeWhole(Array(text.utf8), to: STDERR_FILENO) }
}
