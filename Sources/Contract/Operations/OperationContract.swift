/// All that is known of an operation besides its rules: how it is called, what it does to the service, and what the documentation says.
///
/// A class, so that asking for one fact in the way of a request copies nothing.
public final class OperationContract: Sendable {
    /// What a request or an answer carries besides its headers.
    public enum Payload: Sendable {
        /// Nothing that is read.
        case none
        /// One JSON document, the members that are bound to the body. An empty body means an object without members.
        case json
        /// Bytes without a bound, which no shape reads or writes. No hash of a request is ever taken, so it cannot be told from its repetition.
        case stream
    }

    /// What an operation does to the state of the service.
    public enum Effect: Sendable {
        case reads
        case changes
    }

    /// As the reference writes it: the name of the operation's type.
    public let name: String
    public let api: API
    public let route: Route
    public let payload: Payload
    /// What a success carries; where there is no shape for the output, JSON means an empty body.
    public let answer: Payload
    public let effect: Effect
    let area: Area
    let needs: StatusNeed
    /// How often the service's documentation lets it be called.
    public let rate: RequestRate
    /// The operation in a few words.
    public let summary: String
    /// What it does, and the rules that a schema cannot state, in our own words.
    public let documentation: String
    public let input: Schema
    public let output: Schema?
    /// The modelled errors, besides those common to all operations.
    public let errors: [ErrorCode]
    /// A body that is accepted, as JSON; empty where the payload is none.
    public let exampleRequest: String
    /// What it is answered with, as JSON; empty for an empty body and for a stream.
    public let exampleResponse: String
    private let makeLinks: @Sendable () -> [Link]
    /// Members of the input that are read from headers and the query.
    let boundInput: [Schema.Member]

    /// `links` is what may follow a success. Where a list is empty or a page the last, there is nothing to follow.
    init<Of: Operation>(
        of operation: Of.Type, _ api: API, _ route: Route, payload: Payload = .json, answer: Payload = .json, _ effect: Effect, area: Area,
        needs: StatusNeed, rate: RequestRate, summary: String, documentation: String, errors: [ErrorCode],
        links: @autoclosure @escaping @Sendable () -> [Link] = [], exampleRequest: String = "", exampleResponse: String = ""
    ) {
        name = String(describing: Of.self)
        self.api = api
        self.route = route
        self.payload = payload
        self.answer = answer
        self.effect = effect
        self.area = area
        self.needs = needs
        self.rate = rate
        self.summary = summary
        self.documentation = documentation
        input = Of.input.schema
        output = Of.output?.schema
        self.errors = errors
        makeLinks = links
        self.exampleRequest = exampleRequest
        self.exampleResponse = exampleResponse
        boundInput = input.members.filter { $0.place != .body }
    }

    /// What may follow a success.
    var links: [Link] { makeLinks() }

    /// The error for an ARN that names something else than the operation is about.
    public var wrongARN: ErrorCode { errors.contains(.invalidResourceFormat) ? .invalidResourceFormat : .invalidArgument }

    /// Whether the operation is offered in a region. Reference, StartEdgeConfigurationUpdate: there are no edge configurations in af-south-1.
    public func isOffered(in region: String) -> Bool {
        switch area {
        case .edge, .edgeAgent: region != "af-south-1"
        case .streams, .channels, .tags, .mediaStorage, .images, .notifications, .media, .archivedMedia, .signaling: true
        }
    }
}

/// How often an operation may be called in a second.
public struct RequestRate: Sendable, Hashable {
    /// Nil where only the resource counts.
    public let perAccount: Int?
    /// For each resource by itself; nil where only the account counts.
    public let perResource: Int?

    /// Reference: developer guide, "Control plane API service quotas" and "Media and archived-media API service quotas".
    public init(perAccount: Int? = nil, perResource: Int? = nil) {
        self.perAccount = perAccount
        self.perResource = perResource
    }

    /// The service publishes no API for agents, so no rates for it: an agent asks once, and then as its streams change.
    static let edgeAgent = RequestRate(perAccount: 300, perResource: 5)
}
