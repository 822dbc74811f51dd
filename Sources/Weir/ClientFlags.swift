import ArgumentParser
import Client
import FoundationEssentials

/// The flags of commands that are clients of a deployment, which may be on another machine.
struct ClientFlags: ParsableArguments {
    static let discussion = """
        The key is found as AWS tools find it: in the profile that --profile names; else in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; else in \
        the profile AWS_PROFILE, or default, of the file that AWS_SHARED_CREDENTIALS_FILE names.
        """

    @Option(
        name: .customLong("endpoint-url"),
        help: ArgumentHelp("Where the deployment answers. Default: AWS_ENDPOINT_URL, or endpoint_url in the profile.", valueName: "url"))
    var endpointURL: String?

    @Option(help: ArgumentHelp("The region of the deployment. Default: AWS_REGION, or region in the profile."))
    var region: String?

    @Option(help: ArgumentHelp("The profile that has the key.", valueName: "name"))
    var profile: String?

    @Option(
        name: .customLong("ca-file"),
        help: ArgumentHelp("The authorities to trust in place of the system's. Default: AWS_CA_BUNDLE.", valueName: "file"))
    var caFile: String?

    var flags: ClientSettings.Flags { ClientSettings.Flags(endpointURL: endpointURL, region: region, profile: profile, caFile: caFile) }

    func settings() throws -> ClientSettings {
        do {
            return try ClientSettings(flags, environment: ProcessInfo.processInfo.environment)
        } catch {
            throw ValidationError(error.description)
        }
    }
}

extension Date {
    /// Reads seconds since 1970, or a time such as 2026-11-28T09:30:00Z.
    static func argument(_ text: String, of flag: String) throws -> Date {
        if let seconds = Double(text), seconds >= 0, seconds < 1e11 { return Date(timeIntervalSince1970: seconds) }
        if let date = try? Date(text, strategy: .iso8601) { return date }
        throw ValidationError("\(flag): must be a time such as 2026-11-28T09:30:00Z, or seconds since 1970, not '\(text)'")
    }
}
