public import Crypto
import FoundationEssentials
import SQL
public import Store

/// The secret of the deployment's audit log, by which its records are tied together: 32 random bytes that stand in the database, encrypted under the
/// master key. It stays the same when the master key changes, so that old records can still be checked.
public enum AuditSecret {
    static let fact = "audit-secret"
    static let purpose = "secret of the audit log"

    /// Makes it where the deployment has none yet. Throws where it was encrypted under another master key.
    public static func provide(in store: Store, masterKey: MasterKey) async throws -> SymmetricKey {
        let sealer = Sealer(masterKey, for: purpose)
        if try await store.fact(fact) == nil {
            _ = try await store.addFact(fact, sealer.seal(Data(MasterKey.randomBytes()).base64EncodedString(), owner: fact))
        }
        guard let sealed = try await store.fact(fact), let text = sealer.open(sealed, owner: fact), let bytes = Data(base64Encoded: text)
        else { throw AccessKeys.Failure(description: "The secret of the audit log was encrypted under another master key.") }
        return SymmetricKey(data: bytes)
    }
}
