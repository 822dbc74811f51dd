/// Every error type that Weir returns or declares: those of the API's model and those common to the signed services.
public enum ErrorCode: String, Sendable, CaseIterable {
    // Modelled: each operation lists those that it may answer.
    case accessDenied = "AccessDeniedException"
    case accountChannelLimitExceeded = "AccountChannelLimitExceededException"
    case accountStreamLimitExceeded = "AccountStreamLimitExceededException"
    case clientLimitExceeded = "ClientLimitExceededException"
    case connectionLimitExceeded = "ConnectionLimitExceededException"
    /// Declared by CreateStream ("Not implemented"), never sent.
    case deviceStreamLimitExceeded = "DeviceStreamLimitExceededException"
    case invalidArgument = "InvalidArgumentException"
    /// Declared by CreateStream ("Not implemented"), never sent.
    case invalidDevice = "InvalidDeviceException"
    /// Declared by the operations on media, never sent: any endpoint of a deployment takes any stream.
    case invalidEndpoint = "InvalidEndpointException"
    case invalidCodecPrivateData = "InvalidCodecPrivateDataException"
    case invalidMediaFrame = "InvalidMediaFrameException"
    /// Declared by GetIceServerConfig, never sent.
    case invalidClient = "InvalidClientException"
    case invalidResourceFormat = "InvalidResourceFormatException"
    case missingCodecPrivateData = "MissingCodecPrivateDataException"
    case noDataRetention = "NoDataRetentionException"
    /// Declared by the reference, never sent: a denial is `accessDenied`, as on the wire of the real service.
    case notAuthorized = "NotAuthorizedException"
    case resourceInUse = "ResourceInUseException"
    case resourceNotFound = "ResourceNotFoundException"
    /// Declared by GetIceServerConfig, never sent: a session here lasts as long as its WebSocket.
    case sessionExpired = "SessionExpiredException"
    case streamEdgeConfigurationNotFound = "StreamEdgeConfigurationNotFoundException"
    case unsupportedStreamMediaType = "UnsupportedStreamMediaTypeException"
    case tagsPerResourceExceededLimit = "TagsPerResourceExceededLimitException"
    case versionMismatch = "VersionMismatchException"
    // Common: before an operation is reached, or whatever the operation.
    case validation = "ValidationException"
    case serialization = "SerializationException"
    case throttling = "ThrottlingException"
    case unknownOperation = "UnknownOperationException"
    case methodNotAllowed = "MethodNotAllowedException"
    case malformedHTTPRequest = "MalformedHttpRequestException"
    case requestEntityTooLarge = "RequestEntityTooLargeException"
    case requestTimeout = "RequestTimeoutException"
    case serviceUnavailable = "ServiceUnavailable"
    case internalFailure = "InternalFailure"
    // The signature layer.
    case missingAuthenticationToken = "MissingAuthenticationTokenException"
    case incompleteSignature = "IncompleteSignatureException"
    case unrecognizedClient = "UnrecognizedClientException"
    case invalidSignature = "InvalidSignatureException"
    case expiredToken = "ExpiredTokenException"

    /// The HTTP status of the answer. Where the model says 401 for a denial, the wire of the real service says 403.
    public var status: Int {
        switch self {
        case .accountChannelLimitExceeded, .accountStreamLimitExceeded, .clientLimitExceeded, .connectionLimitExceeded,
            .deviceStreamLimitExceeded, .invalidArgument, .invalidDevice, .invalidEndpoint, .invalidResourceFormat, .noDataRetention,
            .resourceInUse, .tagsPerResourceExceededLimit, .versionMismatch, .missingCodecPrivateData, .invalidCodecPrivateData,
            .invalidMediaFrame, .unsupportedStreamMediaType,
            .validation, .serialization, .throttling, .malformedHTTPRequest, .invalidClient, .sessionExpired:
            400
        case .notAuthorized: 401
        case .accessDenied, .missingAuthenticationToken, .incompleteSignature, .unrecognizedClient, .invalidSignature, .expiredToken: 403
        case .resourceNotFound, .streamEdgeConfigurationNotFound, .unknownOperation: 404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .requestEntityTooLarge: 413
        case .internalFailure: 500
        case .serviceUnavailable: 503
        }
    }

    /// The member of the body that holds the message: the signature layer writes it with a small letter, an API as it always does. `api` is nil for a
    /// request that reached none.
    public func messageMember(in api: API?) -> String {
        switch self {
        case .missingAuthenticationToken, .incompleteSignature, .unrecognizedClient, .invalidSignature, .expiredToken: "message"
        case .invalidClient, .sessionExpired: "message"
        case .accessDenied, .accountChannelLimitExceeded, .accountStreamLimitExceeded, .clientLimitExceeded, .connectionLimitExceeded,
            .deviceStreamLimitExceeded, .invalidArgument, .invalidDevice, .invalidEndpoint, .invalidResourceFormat, .noDataRetention,
            .notAuthorized, .resourceInUse, .resourceNotFound,
            .streamEdgeConfigurationNotFound, .tagsPerResourceExceededLimit, .versionMismatch, .validation, .serialization, .throttling,
            .unknownOperation, .methodNotAllowed, .malformedHTTPRequest, .requestEntityTooLarge, .requestTimeout, .serviceUnavailable,
            .internalFailure, .missingCodecPrivateData, .invalidCodecPrivateData, .invalidMediaFrame, .unsupportedStreamMediaType:
            api?.messageMember ?? "Message"
        }
    }

    /// Answered by any operation, whatever its own list says.
    public static let common: [ErrorCode] = [
        .validation, .serialization, .throttling, .accessDenied, .missingAuthenticationToken, .incompleteSignature, .unrecognizedClient,
        .invalidSignature, .expiredToken, .methodNotAllowed, .malformedHTTPRequest, .requestTimeout, .requestEntityTooLarge,
        .internalFailure, .serviceUnavailable,
    ]
}
