/// The operations that this version answers. A switch over it without a default is how the compiler asks for what a new one needs.
public enum OperationID: String, Sendable, CaseIterable {
    case createStream = "CreateStream"
    case deleteStream = "DeleteStream"
    case describeStream = "DescribeStream"
    case describeStreamStorageConfiguration = "DescribeStreamStorageConfiguration"
    case getDataEndpoint = "GetDataEndpoint"
    case listStreams = "ListStreams"
    case listTagsForStream = "ListTagsForStream"
    case tagStream = "TagStream"
    case untagStream = "UntagStream"
    case updateDataRetention = "UpdateDataRetention"
    case updateStream = "UpdateStream"
    case updateStreamStorageConfiguration = "UpdateStreamStorageConfiguration"

    /// Where the operation is posted to. Written out: the real paths do not all follow from the names.
    public var path: String {
        switch self {
        case .createStream: "/createStream"
        case .deleteStream: "/deleteStream"
        case .describeStream: "/describeStream"
        case .describeStreamStorageConfiguration: "/describeStreamStorageConfiguration"
        case .getDataEndpoint: "/getDataEndpoint"
        case .listStreams: "/listStreams"
        case .listTagsForStream: "/listTagsForStream"
        case .tagStream: "/tagStream"
        case .untagStream: "/untagStream"
        case .updateDataRetention: "/updateDataRetention"
        case .updateStream: "/updateStream"
        case .updateStreamStorageConfiguration: "/updateStreamStorageConfiguration"
        }
    }

    /// Whether it changes anything.
    public var isMutation: Bool {
        switch self {
        case .createStream, .deleteStream, .tagStream, .untagStream, .updateDataRetention, .updateStream, .updateStreamStorageConfiguration:
            true
        case .describeStream, .describeStreamStorageConfiguration, .getDataEndpoint, .listStreams, .listTagsForStream: false
        }
    }

    /// What the documentation says of it.
    public var contract: OperationContract {
        switch self {
        case .createStream: CreateStream.contract
        case .deleteStream: DeleteStream.contract
        case .describeStream: DescribeStream.contract
        case .describeStreamStorageConfiguration: DescribeStreamStorageConfiguration.contract
        case .getDataEndpoint: GetDataEndpoint.contract
        case .listStreams: ListStreams.contract
        case .listTagsForStream: ListTagsForStream.contract
        case .tagStream: TagStream.contract
        case .untagStream: UntagStream.contract
        case .updateDataRetention: UpdateDataRetention.contract
        case .updateStream: UpdateStream.contract
        case .updateStreamStorageConfiguration: UpdateStreamStorageConfiguration.contract
        }
    }

    private static let byPath = Dictionary(uniqueKeysWithValues: allCases.map { ($0.path, $0) })

    /// The operation posted to exactly this path; paths are case-sensitive.
    public init?(path: String) {
        guard let id = Self.byPath[path] else { return nil }
        self = id
    }
}
