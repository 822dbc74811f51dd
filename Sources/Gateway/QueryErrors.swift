import Contract
import Planes

extension OperationError {
    /// The body of a refusal, as clients of the Query API expect it. AWS Security Token Service API reference, "Common Errors".
    func queryBody(_ requestID: String) -> [UInt8] {
        XML.element(
            "ErrorResponse",
            [
                .element(
                    "Error",
                    [
                        .text("Type", code.status < 500 ? "Sender" : "Receiver"), .text("Code", code.queryName),
                        .text("Message", publicMessage),
                    ]),
                .text("RequestId", requestID),
            ]
        ).document
    }
}

extension ErrorCode {
    /// The names that the Query API has for what other services call otherwise.
    private static let queryNames: [ErrorCode: String] = [
        .accessDenied: "AccessDenied", .expiredToken: "ExpiredToken", .incompleteSignature: "IncompleteSignature",
        // The one argument that can be wrong in itself is a session policy.
        .invalidArgument: "MalformedPolicyDocument", .invalidSignature: "SignatureDoesNotMatch",
        .missingAuthenticationToken: "MissingAuthenticationToken", .throttling: "Throttling", .unknownOperation: "InvalidAction",
        .unrecognizedClient: "InvalidClientTokenId", .validation: "ValidationError",
    ]

    fileprivate var queryName: String { Self.queryNames[self] ?? rawValue }

    /// The status with which the Query API tells of it: of an action that is not known 400, where other services say 404.
    var queryStatus: Int { self == .unknownOperation ? 400 : status }
}
