public import SQL

extension Store {
    /// The authorities that have not come to their end, the newest first.
    public func deviceAuthorities() async throws(DatabaseError) -> [DeviceAuthorityRecord] {
        try await database.read(ThingStatements.authorities, [])
    }

    /// Adds an authority, which from now on is the newest. `expiresAt` is in milliseconds since the epoch.
    public func addDeviceAuthority(
        id: String, certificate: String, keySealed: String, expiresAt: Int64
    ) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(ThingStatements.insertAuthority, [.text(id), .text(certificate), .text(keySealed), .integer(expiresAt)])
        _ = try await write(batch)
    }

    /// Adds a device; returns whether the account had none of this name.
    public func addThing(account: String, name: String) async throws(DatabaseError) -> Bool {
        try await changes(ThingStatements.insert, [.text(account), .text(name)])
    }

    /// Every device, by account and name, once for each of its certificates, the oldest first.
    public func things() async throws(DatabaseError) -> [ThingRecord] { try await database.read(ThingStatements.list, []) }

    /// Records a certificate of a device; returns whether there is that device. `expiresAt` is in milliseconds since the epoch.
    public func addThingCertificate(
        id: String, serial: String, account: String, thing: String, expiresAt: Int64
    ) async throws(DatabaseError) -> Bool {
        try await changes(
            ThingStatements.insertCertificate, [.text(id), .text(serial), .text(account), .text(thing), .integer(expiresAt)])
    }

    /// The certificate of this id; nil where none was recorded.
    public func thingCertificate(_ id: String) async throws(DatabaseError) -> ThingCertificateRecord? {
        try await database.read(ThingStatements.findCertificate, [.text(id)]).first ?? nil
    }

    /// Revokes the certificate with this serial number, if it is not revoked already; returns whether there is one.
    public func revokeThingCertificate(serial: String) async throws(DatabaseError) -> Bool {
        try await changes(ThingStatements.revoke, [.text(serial)])
    }

    /// Makes a change that returns a row where it finds what to change.
    private func changes(_ statement: Statement<String>, _ arguments: [SQLValue]) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let changed = batch.add(statement, arguments)
        return try await !write(batch).rows(changed).isEmpty
    }
}
