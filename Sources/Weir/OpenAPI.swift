import ArgumentParser
import Contract
import Delivery

/// Prints the documents from which clients, receivers and contract tests are made.
struct OpenAPI: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI 3.1 document of what this version serves, or the JSON Schema of its events.")

    /// What can be printed.
    enum Document: String, CaseIterable, ExpressibleByArgument {
        case controlPlane = "control-plane"
        case edgeAgent = "edge-agent"
        case media
        case archivedMedia = "archived-media"
        case signaling
        case events
        case eventSchema = "event-schema"
    }

    @Option(
        help: """
            What to describe: control-plane; media, archived-media; signaling, what WebRTC peers ask for; edge-agent, what edge agents use; events, how webhooks are posted; event-schema, one event as JSON \
            Schema.
            """)
    var api = Document.controlPlane

    func run() {
        let text =
            switch api {
            case .controlPlane: OpenAPIDocument.text(of: .controlPlane)
            case .edgeAgent: OpenAPIDocument.text(of: .edgeAgent)
            case .media: OpenAPIDocument.text(of: .media)
            case .archivedMedia: OpenAPIDocument.text(of: .archivedMedia)
            case .signaling: OpenAPIDocument.text(of: .signaling)
            case .events: EventsDocument.openAPI
            case .eventSchema: EventsDocument.jsonSchema
            }
        print(text, terminator: "")
    }
}
