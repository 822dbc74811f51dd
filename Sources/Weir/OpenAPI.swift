import ArgumentParser
import Contract

/// Prints the document from which clients and contract tests are made.
struct OpenAPI: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI 3.1 document of the operations that this version serves.")

    @Option(help: "Which API: control-plane, or edge-agent for what edge agents use.", transform: api)
    var api = API.controlPlane

    func run() {
        print(OpenAPIDocument.text(of: api), terminator: "")
    }

    private static func api(_ name: String) throws -> API {
        guard let api = API(rawValue: name) else {
            throw ValidationError("--api: must be one of \(API.allCases.map(\.rawValue).joined(separator: ", ")), not \(name)")
        }
        return api
    }
}
