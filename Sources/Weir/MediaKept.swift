import ArgumentParser
import FragmentStore
import Settings
import Store

/// What is kept of each stream.
struct MediaStats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show who sends now, and how much media each account and the whole deployment keep.",
        discussion: """
            Asks the database alone, beside the instances that run. ops/sql.md has more questions.

            \(ConfigurationFlags.discussion)
            """)

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func run() async throws {
        try await Deployment.open(flags) { deployment, _ in
            let receiving = try await deployment.store.receivingStreams(limit: 1000)
            let accounts = try await deployment.store.storedBytes()
            if !receiving.isEmpty { print("\(Status.table(receiving))\n") }
            print(TextTable(["ACCOUNT", "BYTES"], accounts.sorted { $0.account < $1.account }.map { [$0.account, "\($0.bytes)"] }).text)
            print("streams that receive: \(receiving.count), bytes kept: \(accounts.reduce(0) { $0 + $1.bytes })")
        }
    }
}

/// Reads every byte of media.
struct MediaVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read all media that is kept, and check it against its checksums and the database.",
        discussion: """
            Of the media folder or, where media-store is given, of that. Beside the server, if one runs: nothing is changed. Each fault is a line; ends with 1 where there is any.

            \(ConfigurationFlags.discussion)
            """)

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func run() async throws {
        var findings: PackInspector.Findings?
        try await Deployment.open(flags) { deployment, configuration in
            try await configuration.withInspector(deployment.store) { findings = try await $0.verify { print($0) } }
        }
        try findings?.tell("packs")
    }
}

/// Makes the index of media anew.
struct MediaRebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild", abstract: "Put media into the database that is in the media folder or store and not in the database.",
        discussion: """
            For a database that was restored from a backup, or is lost: each pack describes itself. Streams that the database lacks are made anew, \
            ACTIVE, with the retention of their media, without tags and configurations. The server must be stopped. May be run again.

            \(ConfigurationFlags.discussion)
            """)

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func run() async throws {
        var findings: PackInspector.Findings?
        try await Deployment.open(flags) { deployment, configuration in
            try await configuration.withInspector(deployment.store) { findings = try await $0.rebuild { print($0) } }
        }
        try findings?.tell("packs put in")
    }
}

extension ServerConfiguration {
    fileprivate func withInspector(_ store: Store, _ body: (PackInspector) async throws -> Void) async throws {
        try await withMediaObjects { objects in
            var configuration = fragmentStore(instanceID: "")
            configuration.objects = objects
            try await body(PackInspector(store: store, configuration: configuration))
        }
    }
}

extension PackInspector.Findings {
    /// Prints the sums, the one of packs called `packs`, and ends the command with 1 where there is a fault.
    fileprivate func tell(_ packs: String) throws {
        print("\(packs): \(self.packs), fragments: \(fragments), bytes: \(bytes), faults: \(faults)")
        if faults > 0 { throw ExitCode(1) }
    }
}
