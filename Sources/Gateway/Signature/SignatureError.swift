/// Why a request's authentication was refused, in the words a client may see.
///
/// Every one is answered with HTTP status 403. The message never holds a signature, a canonical request, a secret or a
/// session token; what it repeats from the request is bounded in length and printable ASCII.
struct SignatureError: Error, Equatable, Sendable {
    /// The error's name on the wire.
    enum Kind: String, Sendable {
        /// The request carries no AWS signature at all.
        case missingAuthenticationToken = "MissingAuthenticationTokenException"
        /// A signature is there, but parts of it are missing or malformed.
        case incompleteSignature = "IncompleteSignatureException"
        /// The signature is complete, and its scope, its date or the signature itself is wrong.
        case invalidSignature = "InvalidSignatureException"
        /// The access key is not one this deployment knows.
        case unrecognizedClient = "UnrecognizedClientException"
        /// The access key's session has ended.
        case expiredToken = "ExpiredTokenException"
    }

    /// The HTTP status all of them are answered with.
    static let status = 403

    /// What kind of refusal it is.
    let kind: Kind
    /// What the client is told.
    let message: String

    /// No authentication at all.
    static let missing = SignatureError(kind: .missingAuthenticationToken, message: "Missing Authentication Token")

    /// The signature, or the payload hash it covers, is not the one calculated here.
    static let mismatch = SignatureError(
        kind: .invalidSignature,
        message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
            + "signing method. Consult the service documentation for details."
    )

    /// No key of this deployment has the access key id. The caller of ``SignatureVerifier`` throws it after its look-up.
    static let unrecognizedClient = SignatureError(
        kind: .unrecognizedClient,
        message: "The security token included in the request is invalid."
    )

    /// The session the access key belongs to has ended. The caller of ``SignatureVerifier`` throws it after its look-up.
    static let expiredToken = SignatureError(
        kind: .expiredToken,
        message: "The security token included in the request is expired"
    )

    static func incomplete(_ message: String) -> SignatureError {
        SignatureError(kind: .incompleteSignature, message: message)
    }

    static func invalid(_ message: String) -> SignatureError {
        SignatureError(kind: .invalidSignature, message: message)
    }
}
