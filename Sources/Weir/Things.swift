import ArgumentParser
import Devices
import Files
import FoundationEssentials
import Settings
import Store

/// Makes devices that prove by certificates who they are, and the authority that certifies them, beside the instances that run.
struct Things: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "things", abstract: "Make devices, certify them, and revoke their certificates.",
        discussion: "With its certificate a device gets temporary credentials where device-bind says: docs/things.md.",
        subcommands: [Authority.self, Create.self, Certificate.self, Revoke.self, List.self])

    struct Authority: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "authority", abstract: "Make and show the authority that certifies devices.", subcommands: [Make.self, Show.self])

        struct Make: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "create", abstract: "Make an authority, which certifies devices from now on.",
                discussion: """
                    Its private key stays in the database, encrypted under the master key. Certificates of authorities that were made before are \
                    good until they end. The instances that run take up a new one within five seconds.


                    """ + ConfigurationFlags.discussion)

            @Option(help: ArgumentHelp("How long it lasts.", valueName: "duration"), transform: TimeSpan.init)
            var expiresIn: TimeSpan?

            @OptionGroup(visibility: .hidden)
            var flags: ConfigurationFlags

            func run() async throws {
                try await Things.open(flags) { authorities, deployment, _ in
                    try await authorities.create(lifetime: expiresIn?.milliseconds ?? 3650 * Things.day)
                    try await Things.show(deployment.store.deviceAuthorities().prefix(1))
                }
            }
        }

        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "show", abstract: "Print the certificates of the authorities, the newest first.",
                discussion: ConfigurationFlags.discussion)

            @OptionGroup(visibility: .hidden)
            var flags: ConfigurationFlags

            func run() async throws {
                try await Deployment.open(flags) { deployment, _ in
                    let authorities = try await deployment.store.deviceAuthorities()
                    guard !authorities.isEmpty else { throw Refused("There is no authority yet: weir things authority create") }
                    Things.show(authorities[...])
                }
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make a device.", discussion: ConfigurationFlags.discussion)

        @Argument(help: "1 to 64 letters, digits and the characters :_-")
        var name: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func validate() throws {
            guard name.wholeMatch(of: /[A-Za-z0-9:_-]{1,64}/) != nil else {
                throw ValidationError("A device's name is 1 to 64 letters, digits and the characters :_-")
            }
        }

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                guard try await deployment.store.addThing(account: configuration.account, name: name) else {
                    throw Refused("The account \(configuration.account) has a thing \(name) already.")
                }
                print("Made \(name).")
            }
        }
    }

    struct Certificate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "certificate", abstract: "Make a private key and a certificate for a device, as NAME.key and NAME.pem.",
            discussion: """
                Of the key nothing is kept: take both files to the device and delete them here. Certificates that it had before stay good until \
                they are revoked.


                """ + ConfigurationFlags.discussion)

        @Argument(help: "The device.")
        var name: String

        @Option(help: ArgumentHelp("The folder for the files.", valueName: "folder"), completion: .directory)
        var output = "."

        @Option(
            help: ArgumentHelp("How long it lasts, at most as long as its authority.", valueName: "duration"), transform: TimeSpan.init)
        var expiresIn: TimeSpan?

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Things.open(flags) { authorities, _, configuration in
                let paths = (certificate: "\(output)/\(name).pem", key: "\(output)/\(name).key")
                for path in [paths.certificate, paths.key] where access(path) {
                    throw Refused("\(path) is there already: nothing is written over.")
                }
                let issued = try await authorities.certify(
                    name, account: configuration.account, lifetime: expiresIn?.milliseconds ?? 365 * Things.day)
                for (path, text) in [(paths.key, issued.key), (paths.certificate, issued.certificate)] {
                    guard try PrivateFile.write(Array(text.utf8), to: path, replacing: false) else {
                        throw Refused(
                            "\(path) is there already. Revoke the certificate that was made: weir things revoke \(issued.serial)")
                    }
                }
                print(
                    "Made \(paths.certificate) and \(paths.key): serial number \(issued.serial), good until \(issued.expires.formatted(.iso8601))."
                )
            }
        }

        private func access(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke", abstract: "Have a certificate get no credentials any more, on every instance within five seconds.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: "The serial number, as weir things list and openssl x509 -serial show it.")
        var serial: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            let serial = serial.uppercased().filter { $0 != ":" }
            try await Deployment.open(flags) { deployment, _ in
                guard try await deployment.store.revokeThingCertificate(serial: serial) else {
                    throw Refused("There is no certificate \(serial).")
                }
                print("Revoked \(serial).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the devices of all accounts, each with its certificates.",
            discussion: """
                A certificate is ACTIVE, REVOKED, or ENDED by its time. NO AUTHORITY: the authority that signed it was removed, and so it can be used no longer.


                """ + ConfigurationFlags.discussion)

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, _ in
                let rows = try await deployment.store.things().map { thing in
                    guard let certificate = thing.certificate else { return [thing.account, thing.name, "", "", ""] }
                    let status =
                        switch (certificate.isActive, thing.hasAuthority) {
                        case (true, true): "ACTIVE"
                        case (true, false): "NO AUTHORITY"
                        case (false, _): certificate.revokedAt == nil ? "ENDED" : "REVOKED"
                        }
                    return [thing.account, thing.name, certificate.serial, status, TextTable.time(certificate.expiresAt)]
                }
                print(TextTable(["ACCOUNT", "THING", "SERIAL", "STATUS", "GOOD UNTIL"], rows).text)
            }
        }
    }

    /// Milliseconds.
    private static let day: Int64 = 86_400_000

    private static func show(_ authorities: ArraySlice<DeviceAuthorityRecord>) {
        for authority in authorities {
            print("# \(authority.id), good until \(TextTable.time(authority.expiresAt))\n\(authority.certificate)", terminator: "")
        }
    }

    private static func open(
        _ flags: ConfigurationFlags, _ body: (DeviceAuthorities, Deployment, ServerConfiguration) async throws -> Void
    ) async throws {
        try await Deployment.open(flags) { deployment, configuration in
            try await body(DeviceAuthorities(store: deployment.store, masterKey: deployment.masterKey()), deployment, configuration)
        }
    }
}
