import ArgumentParser
import Contract

/// Prints the document from which clients and contract tests are made.
struct OpenAPI: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI 3.1 document of the operations that this version serves.")

    func run() {
        print(OpenAPIDocument.text(), terminator: "")
    }
}
