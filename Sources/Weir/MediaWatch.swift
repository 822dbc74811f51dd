import ArgumentParser
import Client
import Files
import FoundationEssentials
import Glibc
import IPAddresses
import MediaClient

/// Prints a link to the page that plays a stream.
struct MediaWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Print a link at which a browser shows a stream: live, and what is stored.",
        usage: """
            weir media watch --stream <name> [--from <time>] [--to <time>] [--expires <seconds>] [<options>]
            xdg-open "$(weir media watch --stream <name>)"
            """,
        discussion: """
            The link is a secret: whoever has it sees the stream until it expires, without a key. What makes it one stands behind #, which \
            browsers do not send and servers do not log. It leads to what comes in now and to what is stored of the last 24 hours; or, with \
            --to, to a range alone. Times are of the producer's clock.

            The page is served over TLS, and without it on the server's own machine alone.

            \(ClientFlags.discussion)
            """)

    @Option(help: ArgumentHelp("The stream.", valueName: "name"))
    var stream: String

    @Option(help: ArgumentHelp("When the recording begins, as a time or in seconds since 1970. Default: 24 hours ago.", valueName: "time"))
    var from: String?

    @Option(help: ArgumentHelp("When it ends. Default: not before the link does, and what comes in is live.", valueName: "time"))
    var to: String?

    @Option(help: ArgumentHelp("Seconds until the link expires, from 300 to 43200.", valueName: "seconds"))
    var expires = 3600

    @OptionGroup(title: "Deployment")
    var client: ClientFlags

    func run() async throws {
        guard 300...43_200 ~= expires else { throw ValidationError("--expires: must be from 300 to 43200") }
        let start = try from.map { try Date.argument($0, of: "--from") }
        let end = try to.map { try Date.argument($0, of: "--to") }
        let made = try await WatchLink(stream: stream, try client.settings()).make(from: start, to: end, expires: expires)
        let address = URLComponents(string: String(made.url.prefix { $0 != "#" }))
        let host = String((address?.host ?? "").drop { $0 == "[" }.prefix { $0 != "]" })
        guard address?.scheme == "https" || IPAddress.isLoopback(host: host) else {
            throw MediaProducer.Failure(
                description: "\(host) is reached without TLS, and others would read along: go to the server's own machine, or serve TLS")
        }
        for notice in made.notices { _ = writeWhole(Array("\(stream): \(notice)\n".utf8), to: STDERR_FILENO) }
        print(made.url)
    }
}
