import SQL

/// Statements on devices, their certificates and the authorities that sign those.
enum ThingStatements {
    static let authorities = Statement(
        "device-authority.list",
        """
        SELECT id, certificate, key_sealed, created_at, expires_at FROM device_authority WHERE expires_at > now_ms()
        ORDER BY created_at DESC, id
        """
    ) { row throws(DatabaseError) in
        DeviceAuthorityRecord(
            id: try row.text(), certificate: try row.text(), keySealed: try row.text(), createdAt: try row.integer(),
            expiresAt: try row.integer())
    }

    static let insertAuthority = Statement<Void>(
        "device-authority.insert",
        "INSERT INTO device_authority (id, certificate, key_sealed, created_at, expires_at) VALUES ($1, $2, $3, now_ms(), $4)")

    static let insert = Statement(
        "thing.insert",
        "INSERT INTO thing (account, name, created_at) VALUES ($1, $2, now_ms()) ON CONFLICT (account, name) DO NOTHING RETURNING name",
        decode: text)

    /// A row for each certificate of a thing, or one without. A certificate has no authority if all that were made before it are removed.
    static let list = Statement(
        "thing.list",
        """
        SELECT t.account, t.name, t.created_at,
            CAST(CASE WHEN EXISTS (SELECT 1 FROM device_authority a WHERE a.created_at <= c.created_at) THEN 1 ELSE 0 END AS BIGINT),
            \(certificateColumns)
        FROM thing t LEFT JOIN thing_certificate c ON c.account = t.account AND c.thing_name = t.name
        ORDER BY t.account, t.name, c.created_at, c.id
        """
    ) { row throws(DatabaseError) in
        ThingRecord(
            account: try row.text(), name: try row.text(), createdAt: try row.integer(), hasAuthority: try row.integer() == 1,
            certificate: try certificate(&row))
    }

    /// A certificate of a thing that is there.
    static let insertCertificate = Statement(
        "thing-certificate.insert",
        """
        INSERT INTO thing_certificate (id, serial, account, thing_name, created_at, expires_at)
        SELECT $1, $2, account, name, now_ms(), $5 FROM thing WHERE account = $3 AND name = $4
        RETURNING id
        """,
        decode: text)

    static let findCertificate = Statement(
        "thing-certificate.find", "SELECT \(certificateColumns) FROM thing_certificate c WHERE c.id = $1", decode: certificate)

    static let revoke = Statement(
        "thing-certificate.revoke",
        "UPDATE thing_certificate SET revoked_at = COALESCE(revoked_at, now_ms()) WHERE serial = $1 RETURNING thing_name", decode: text)

    private static let certificateColumns = """
        c.id, c.serial, c.account, c.thing_name, c.expires_at, c.revoked_at,
        CAST(CASE WHEN c.revoked_at IS NULL AND c.expires_at > now_ms() THEN 1 ELSE 0 END AS BIGINT)
        """

    private static func certificate(_ row: inout Row) throws(DatabaseError) -> ThingCertificateRecord? {
        let (id, serial, account, thing) = (
            try row.optionalText(), try row.optionalText(), try row.optionalText(), try row.optionalText()
        )
        let (expiresAt, revokedAt, isActive) = (try row.optionalInteger(), try row.optionalInteger(), try row.integer() == 1)
        guard let id, let serial, let account, let thing, let expiresAt else { return nil }
        return ThingCertificateRecord(
            id: id, serial: serial, account: account, thing: thing, expiresAt: expiresAt, revokedAt: revokedAt, isActive: isActive)
    }

    private static func text(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    static let all: [StatementText] = [
        authorities.text, insertAuthority.text, insert.text, list.text, insertCertificate.text, findCertificate.text, revoke.text,
    ]
}
