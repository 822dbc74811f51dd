import Contract
import Files
import FoundationEssentials
import Signing

/// What keeps an agent from starting: its settings are incomplete or wrong. The text is for operators and never holds a secret.
public struct SettingsFault: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What an agent needs to know: which thing it is, where its folder and its deployment are, and its key.
///
/// It is found as AWS tools find it. The key: in the profile that a flag names; else in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; else in the
/// profile `AWS_PROFILE`, or `default`. Region and endpoint: a flag, the environment, the profile. Profiles are those of the file that
/// `AWS_SHARED_CREDENTIALS_FILE` names, or of `~/.aws/credentials`.
public struct AgentSettings: Sendable {
    /// What was given on the command line.
    public struct Flags: Sendable {
        public var thing: String
        public var folder: String
        public var endpointURL: String?
        public var region: String?
        public var profile: String?
        public var caFile: String?

        public init(thing: String, folder: String, endpointURL: String?, region: String?, profile: String?, caFile: String?) {
            self.thing = thing
            self.folder = folder
            self.endpointURL = endpointURL
            self.region = region
            self.profile = profile
            self.caFile = caFile
        }
    }

    /// The ARN of the thing that this agent is.
    public let thing: String
    public let folder: String
    let endpoint: Endpoint
    let region: String
    let credentials: Credentials
    /// A PEM file of the authorities to trust in place of the system's.
    let caFile: String?

    /// - Parameter environment: Variables whose value is empty count as absent.
    public init(_ flags: Flags, environment: [String: String]) throws(SettingsFault) {
        func variable(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        let profile = try Self.profile(
            flags, variable("AWS_PROFILE"), path: Self.profilesPath(environment), isOptional: variable("AWS_ACCESS_KEY_ID") != nil)

        thing = try Self.checked(thing: flags.thing)
        guard !flags.folder.isEmpty else { throw SettingsFault("The folder has no name: give --folder DIR.") }
        folder = flags.folder
        credentials = try Self.credentials(
            fromProfileOnly: flags.profile != nil, profile: profile, id: variable("AWS_ACCESS_KEY_ID"),
            secret: variable("AWS_SECRET_ACCESS_KEY"), token: variable("AWS_SESSION_TOKEN"))
        guard let region = flags.region ?? variable("AWS_REGION", "AWS_DEFAULT_REGION") ?? profile?["region"] else {
            throw SettingsFault("There is no region: give --region, AWS_REGION, or region in the profile.")
        }
        self.region = region
        guard
            let endpoint = flags.endpointURL ?? variable("AWS_ENDPOINT_URL_KINESIS_VIDEO", "AWS_ENDPOINT_URL") ?? profile?["endpoint_url"]
        else {
            throw SettingsFault("There is no endpoint: give --endpoint-url, AWS_ENDPOINT_URL, or endpoint_url in the profile.")
        }
        self.endpoint = try Endpoint(endpoint)
        caFile = flags.caFile ?? variable("AWS_CA_BUNDLE")
    }

    private static func checked(thing: String) throws(SettingsFault) -> String {
        let input = FetchEdgeConfigurations.Input.make(hubDeviceArn: thing, heldConfigurations: nil, waitTimeInSeconds: nil)
        do {
            _ = try FetchEdgeConfigurations.encodeInput(input).withUnsafeBytes(FetchEdgeConfigurations.decode)
        } catch {
            throw SettingsFault("'\(thing)' is not the ARN of a thing, such as arn:aws:iot:us-east-1:123456789012:thing/hub-1.")
        }
        return thing
    }

    private static func credentials(
        fromProfileOnly: Bool, profile: [String: String]?, id: String?, secret: String?, token: String?
    ) throws(SettingsFault) -> Credentials {
        if !fromProfileOnly, id != nil || secret != nil {
            guard let id, let secret else {
                throw SettingsFault("Of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set: set both or none.")
            }
            return Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token)
        }
        guard let id = profile?["aws_access_key_id"], let secret = profile?["aws_secret_access_key"], !id.isEmpty, !secret.isEmpty else {
            throw SettingsFault(
                "There is no access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE and AWS_PROFILE "
                    + "to a profile with aws_access_key_id and aws_secret_access_key.")
        }
        return Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: profile?["aws_session_token"])
    }

    /// The profile to use; nil where none was asked for by name and there is none. With `isOptional`, an unset file is no fault.
    private static func profile(
        _ flags: Flags, _ named: String?, path: String?, isOptional: Bool
    ) throws(SettingsFault) -> [String: String]? {
        let name = flags.profile ?? named
        var bytes: [UInt8]?
        do throws(PrivateFile.Failure) {
            bytes = try path.map(PrivateFile.read) ?? nil
        } catch {
            // Nobody asked for this file by name, and the key is elsewhere.
            guard isOptional, name == nil else { throw SettingsFault(error.description) }
        }
        guard let path, let bytes else {
            guard name == nil || (isOptional && flags.profile == nil) else {
                throw SettingsFault("The profile '\(name ?? "")' was asked for, but \(path ?? "a credentials file") cannot be read.")
            }
            return nil
        }
        let file: CredentialsFile
        do throws(SettingsFault) {
            file = try CredentialsFile(String(decoding: bytes, as: UTF8.self))
        } catch {
            throw SettingsFault("\(path): \(error.description).")
        }
        let profile = file[name ?? "default"]
        guard profile != nil || name == nil else { throw SettingsFault("\(path) has no profile '\(name ?? "")'.") }
        return profile
    }

    private static func profilesPath(_ environment: [String: String]) -> String? {
        let home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 }
        guard let path = environment["AWS_SHARED_CREDENTIALS_FILE"], !path.isEmpty else { return home.map { $0 + "/.aws/credentials" } }
        guard path.hasPrefix("~/"), let home else { return path }
        return home + path.dropFirst()
    }
}
