package import Client
import Contract

/// What an agent needs to know: which thing it is, where its folder and its deployment are, and its key.
public struct AgentSettings: Sendable {
    /// What was given on the command line.
    package struct Flags: Sendable {
        package var thing: String
        package var folder: String
        package var client: ClientSettings.Flags

        package init(thing: String, folder: String, client: ClientSettings.Flags) {
            self.thing = thing
            self.folder = folder
            self.client = client
        }
    }

    /// The ARN of the thing that this agent is.
    public let thing: String
    public let folder: String
    let client: ClientSettings

    /// - Parameter environment: Variables whose value is empty count as absent.
    package init(_ flags: Flags, environment: [String: String]) throws(SettingsFault) {
        client = try ClientSettings(flags.client, environment: environment)
        thing = try Self.checked(thing: flags.thing)
        guard !flags.folder.isEmpty else { throw SettingsFault("The folder has no name: give --folder DIR.") }
        folder = flags.folder
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
}
