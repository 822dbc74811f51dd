import ArgumentParser
import Client
import FoundationEssentials
import MediaClient

/// Reads a stream's media to standard output.
struct MediaGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Read media of a stream, as one Matroska file on standard output.",
        usage: """
            weir media get --stream <name> [--from now|earliest|<time>|<fragment number>] [<options>] >FILE.mkv
            weir media get --stream <name> | ffplay -
            """,
        discussion: """
            Goes on until the server has nothing more for some seconds (its setting get-media-idle-seconds), or until interrupted.

            Where the tracks change, as when a camera sends another size, another Matroska document begins; it is said at the end.

            Ends with status 0 when the server ended it well or whoever read has left, and with 1 when not.

            \(ClientFlags.discussion)
            """)

    @Option(help: ArgumentHelp("The stream.", valueName: "name"))
    var stream: String

    @Option(
        help: ArgumentHelp(
            "Where to start: now, earliest, a time of the server's clock (as text or in seconds since 1970), or behind the fragment of this number.",
            valueName: "start"))
    var from = "earliest"

    @Flag(name: .customLong("producer-time"), help: "The time is one of the producer's clock.")
    var isProducerTime = false

    @OptionGroup(title: "Deployment")
    var client: ClientFlags

    func run() async throws {
        let reader = MediaReader(stream: stream, try client.settings())
        let (fragments, documents) = try await reader.run(from: try start()) { Output.write($0) }
        Output.writeError("\(stream): \(fragments) fragments\n")
        if documents > 1 {
            Output.writeError(
                "\(stream): \(documents) Matroska documents, one behind the other, as the tracks changed: many players stop at the end of the first.\n"
            )
        }
    }

    private func start() throws -> MediaReader.Start {
        switch from {
        case "now": return .now
        case "earliest": return .earliest
        default:
            // Fragment numbers have 47 digits.
            if from.count > 20, from.allSatisfy(\.isWholeNumber) { return .after(fragment: from) }
            let time = try Date.argument(from, of: "--from")
            return isProducerTime ? .producerTime(time) : .serverTime(time)
        }
    }
}
