public import Contract
import Crypto
import FoundationEssentials

/// Makes and reads the tokens by which a list is continued: opaque, authenticated, and bound to the call that they were given for.
///
/// A token holds what its page ended with and a tag of 16 bytes over that, the operation, account, region and filter. It needs no state
/// in the server and does not expire.
public struct PageTokens: Sendable {
    private let masterKey: MasterKey
    private static let purpose = "page tokens"
    private static let tagLength = 16

    /// Instances that share clients share the key.
    public init(_ masterKey: MasterKey) {
        self.masterKey = masterKey
    }

    /// The token of a page of `operation` that ends with `last`.
    public func token(after last: String, filter: String, _ operation: String, _ caller: Caller) -> String {
        (Data(tag(message(last, filter, operation, caller))) + Data(last.utf8)).base64EncodedString()
    }

    /// What the page before ended with; nil for the first page, which is asked for without a token or with an empty one.
    public func last(in token: String?, filter: String, _ operation: String, _ caller: Caller) throws(OperationError) -> String? {
        guard let token, !token.isEmpty else { return nil }
        guard let bytes = Data(base64Encoded: token), bytes.count > Self.tagLength,
            let last = String(validating: bytes.dropFirst(Self.tagLength), as: UTF8.self),
            masterKey.everyDerived(for: Self.purpose).contains(where: {
                HMAC<SHA256>.isValid(bytes.prefix(Self.tagLength), prefixOf: message(last, filter, operation, caller), using: $0)
            })
        else {
            throw OperationError(
                .invalidArgument,
                "NextToken is not valid for this call: pass the one that \(operation) answered for the same filter, account and region.")
        }
        return last
    }

    private func tag(_ message: Data) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: masterKey.derived(for: Self.purpose)).prefix(Self.tagLength))
    }

    // No part can hold the separator, a control character.
    private func message(_ last: String, _ filter: String, _ operation: String, _ caller: Caller) -> Data {
        Data([operation, caller.account, caller.region, filter, last].joined(separator: "\u{0}").utf8)
    }
}

extension HMAC {
    /// Compares a shortened tag, in a time that does not depend on where it differs.
    fileprivate static func isValid(_ tag: Data, prefixOf message: Data, using key: SymmetricKey) -> Bool {
        let code = Array(authenticationCode(for: message, using: key).prefix(tag.count))
        return zip(code, tag).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
