import Foundation
import Testing

@testable import Client
@testable import EdgeAgent
@testable import Signing

@Suite("Credentials files")
struct CredentialsFileTests {
    @Test("Are read as AWS tools read them")
    func reading() throws {
        let file = try CredentialsFile(
            """
            # a comment
            ; another
            [default]
            aws_access_key_id=A
            aws_secret_access_key =  b=/+c==\u{20}

            [ spaced name ]
              AWS_Access_Key_ID = B\r
            region = eu-central-1 # part of the value
            [default]
            region = us-east-1
            [empty]
            """)
        #expect(file["default"] == ["aws_access_key_id": "A", "aws_secret_access_key": "b=/+c==", "region": "us-east-1"])
        #expect(file["spaced name"] == ["aws_access_key_id": "B", "region": "eu-central-1 # part of the value"])
        #expect(file["empty"] == [:])
        #expect(file["Default"] == nil)
    }

    @Test(
        "A line that is wrong is told by its number, not by what is in it",
        arguments: ["[a]\nhush", "hush = 1", "[a]\n\n[hush", "[a]\r\nhush\r\n"])
    func malformed(_ text: String) {
        let fault = #expect(throws: SettingsFault.self) { try CredentialsFile(text) }
        let line = text.split(separator: "\n", omittingEmptySubsequences: false).count
        #expect(fault?.description.contains("line \(text.contains("\r") ? 2 : line) ") == true)
        #expect(fault?.description.contains("hush") == false)
    }
}

@Suite("Settings")
struct AgentSettingsTests {
    private let folder = TemporaryFolder()

    private func settings(
        thing: String = thing, folder: String = "agent", endpoint: String? = nil, region: String? = nil, profile: String? = nil,
        _ environment: [String: String]
    ) throws -> AgentSettings {
        try AgentSettings(
            .init(
                thing: thing, folder: folder, client: .init(endpointURL: endpoint, region: region, profile: profile, caFile: nil)),
            environment: environment)
    }

    private func file(_ text: String) throws -> String {
        let path = folder.path + "/credentials"
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    private func expectFault(_ part: String, _ make: () throws -> AgentSettings) {
        let fault = #expect(throws: SettingsFault.self) { _ = try make() }
        #expect(fault?.description.contains(part) == true, "\(fault?.description ?? "")")
    }

    @Test("All from one profile, as the file that the server writes has it")
    func profile() throws {
        let path = try file(
            "[weir]\naws_access_key_id = A\naws_secret_access_key = s\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:7080\n")
        let settings = try settings(["AWS_SHARED_CREDENTIALS_FILE": path, "AWS_PROFILE": "weir"])
        #expect(settings.client.credentials.accessKeyID == "A")
        #expect(settings.client.credentials.secretAccessKey == "s")
        #expect(settings.client.credentials.sessionToken == nil)
        #expect(settings.client.region == "eu-north-1")
        #expect(settings.client.endpoint.origin == "http://127.0.0.1:7080")
    }

    @Test("Flags win over the environment, which wins over the profile")
    func precedence() throws {
        let path = try file(
            """
            [default]
            aws_access_key_id = D
            aws_secret_access_key = d
            region = r-profile
            endpoint_url = http://profile
            [other]
            aws_access_key_id = O
            aws_secret_access_key = o
            aws_session_token = t
            """)
        var environment = ["AWS_SHARED_CREDENTIALS_FILE": path]
        var found = try settings(environment)
        #expect(found.client.credentials.accessKeyID == "D")
        #expect([found.client.region, found.client.endpoint.origin] == ["r-profile", "http://profile"])

        environment["AWS_ACCESS_KEY_ID"] = "E"
        environment["AWS_SECRET_ACCESS_KEY"] = "e"
        environment["AWS_SESSION_TOKEN"] = "x"
        environment["AWS_DEFAULT_REGION"] = "r-default"
        environment["AWS_ENDPOINT_URL"] = "http://environment"
        environment["AWS_CA_BUNDLE"] = "ca.pem"
        found = try settings(environment)
        #expect(found.client.credentials.accessKeyID == "E")
        #expect(found.client.credentials.sessionToken == "x")
        #expect([found.client.region, found.client.endpoint.origin, found.client.caFile] == ["r-default", "http://environment", "ca.pem"])

        environment["AWS_REGION"] = "r-region"
        environment["AWS_ENDPOINT_URL_KINESIS_VIDEO"] = "http://service"
        found = try settings(environment)
        #expect([found.client.region, found.client.endpoint.origin] == ["r-region", "http://service"])

        found = try settings(endpoint: "http://flag", region: "r-flag", profile: "other", environment)
        #expect(found.client.credentials.accessKeyID == "O")
        #expect(found.client.credentials.sessionToken == "t")
        #expect([found.client.region, found.client.endpoint.origin] == ["r-flag", "http://flag"])
    }

    @Test("The file is ~/.aws/credentials unless another is named, and a variable without a value is absent")
    func home() throws {
        try FileManager.default.createDirectory(atPath: folder.path + "/.aws", withIntermediateDirectories: false)
        try FileManager.default.copyItem(
            atPath: try file("[default]\naws_access_key_id = H\naws_secret_access_key = h\n"), toPath: folder.path + "/.aws/credentials")
        let base = ["HOME": folder.path, "AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://e", "AWS_ACCESS_KEY_ID": "", "AWS_PROFILE": ""]
        #expect(try settings(base).client.credentials.accessKeyID == "H")
        #expect(try settings(base.merging(["AWS_SHARED_CREDENTIALS_FILE": "~/credentials"]) { $1 }).client.credentials.accessKeyID == "H")
    }

    @Test("What is missing or wrong is told")
    func faults() throws {
        let key = ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "hush"]
        let all = key.merging(["AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://e"]) { $1 }
        #expect(try settings(all).thing == thing)
        expectFault("not the ARN of a thing") { try settings(thing: "hub-1", all) }
        expectFault("no name") { try settings(folder: "", all) }
        expectFault("no access key") { try settings(["AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://e"]) }
        expectFault("only one is set") { try settings(all.filter { $0.key != "AWS_SECRET_ACCESS_KEY" }) }
        expectFault("no region") { try settings(all.filter { $0.key != "AWS_REGION" }) }
        expectFault("no endpoint") { try settings(all.filter { $0.key != "AWS_ENDPOINT_URL" }) }
        expectFault("not an endpoint") { try settings(endpoint: "127.0.0.1:7080", all) }
        expectFault("cannot be read") { try settings(profile: "p", all.merging(["AWS_SHARED_CREDENTIALS_FILE": "/nowhere"]) { $1 }) }
        let path = try file("[p]\naws_access_key_id = A\n")
        expectFault("no profile 'q'") { try settings(profile: "q", all.merging(["AWS_SHARED_CREDENTIALS_FILE": path]) { $1 }) }
        expectFault("no access key") { try settings(profile: "p", all.merging(["AWS_SHARED_CREDENTIALS_FILE": path]) { $1 }) }
        let bad = try file("hush\n")
        expectFault("\(bad): line 1 ") { try settings(all.merging(["AWS_SHARED_CREDENTIALS_FILE": bad]) { $1 }) }
    }

    @Test(
        "An endpoint is a URL of a host, perhaps with a path",
        arguments: [
            ("http://127.0.0.1:7080", "http://127.0.0.1:7080", "127.0.0.1:7080", ""),
            ("HTTPS://weir.example.lan/", "https://weir.example.lan", "weir.example.lan", ""),
            ("https://weir.example.lan:443/a/b//", "https://weir.example.lan", "weir.example.lan", "/a/b"),
            ("http://weir:443", "http://weir:443", "weir:443", ""),
            ("http://[::1]:7080", "http://[::1]:7080", "[::1]:7080", ""),
            ("http://[::1]:80", "http://[::1]", "[::1]", ""),
        ])
    func endpoint(_ text: String, _ origin: String, _ host: String, _ prefix: String) throws {
        let endpoint = try Endpoint(text)
        #expect([endpoint.origin, endpoint.host, endpoint.prefix] == [origin, host, prefix])
    }

    @Test(
        "What is no endpoint is refused",
        arguments: ["", "weir", "ftp://weir", "http://", "http://weir?a", "http://weir#a", "http://a:b@weir", "http:///path", "http:weir"])
    func noEndpoint(_ text: String) {
        #expect(throws: SettingsFault.self) { try Endpoint(text) }
    }

    @Test("A file of keys that others can read is refused, unless the key is elsewhere")
    func openFile() throws {
        let path = try file("[default]\naws_access_key_id = A\naws_secret_access_key = hush\nregion = r\nendpoint_url = http://a\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let named = ["AWS_SHARED_CREDENTIALS_FILE": path]
        let fault = #expect(throws: SettingsFault.self) { try settings(named) }
        #expect(fault?.description.contains("can be read or written by others") == true && fault?.description.contains("hush") == false)
        let found = try settings(
            named.merging(
                [
                    "AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "e", "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://a",
                ]) { $1 })
        #expect(found.client.credentials.accessKeyID == "E")
    }
}
