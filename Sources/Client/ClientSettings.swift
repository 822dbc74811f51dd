import Files
import FoundationEssentials
package import Signing

/// What keeps a client from starting: its settings are incomplete or wrong. The text is for operators and never holds a secret.
package struct SettingsFault: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// What a client of a deployment needs to know: where that is, and the client's key.
///
/// It is found as AWS tools find it. The key: in the profile that a flag names; else in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; else in the
/// profile `AWS_PROFILE`, or `default`. Region and endpoint: a flag, the environment, the profile. Profiles are those of the file that
/// `AWS_SHARED_CREDENTIALS_FILE` names, or of `~/.aws/credentials`.
package struct ClientSettings: Sendable {
    /// What was given on the command line.
    package struct Flags: Sendable {
        package var endpointURL: String?
        package var region: String?
        package var profile: String?
        package var caFile: String?

        package init(endpointURL: String?, region: String?, profile: String?, caFile: String?) {
            self.endpointURL = endpointURL
            self.region = region
            self.profile = profile
            self.caFile = caFile
        }
    }

    package let endpoint: Endpoint
    package let region: String
    package let credentials: Credentials
    /// A PEM file of the authorities to trust in place of the system's.
    package let caFile: String?

    /// Signs the calls of every API of the service.
    package var signer: RequestSigner { RequestSigner(credentials: credentials, region: region, service: "kinesisvideo") }

    /// - Parameter environment: Variables whose value is empty count as absent.
    package init(_ flags: Flags, environment: [String: String]) throws(SettingsFault) {
        func variable(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        let profile = try Self.profile(
            flags, variable("AWS_PROFILE"), path: Self.profilesPath(environment), isOptional: variable("AWS_ACCESS_KEY_ID") != nil)
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

    /// The profile to use; nil where it is missing and nobody asked for it by name. With `isOptional`, an unset file is no fault.
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
