import Contract
import Devices
import FoundationEssentials
import Identity
import NIOSSL
import SQL
import Store
import TestSupport
import Testing

@Suite struct DeviceAuthoritiesTests {
    private static let account = "123456789012"
    private static let day: Int64 = 86_400_000

    /// A store of each engine in turn, with its authorities and what tells devices by their certificates.
    private static func with(
        _ engine: Engine, _ body: (Store, DeviceAuthorities, DeviceCredentials) async throws -> Void
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let masterKey = try #require(MasterKey(MasterKey.randomBytes()))
            try await body(
                store,
                DeviceAuthorities(
                    store: store, masterKey: masterKey,
                    now: { [clock = database.clock] in Date(timeIntervalSince1970: Double(clock.now) / 1000) }),
                DeviceCredentials(store: store, keys: AccessKeys(store: store, masterKey: masterKey)))
        }
    }

    private static func der(_ pem: String) throws -> [UInt8] {
        try #require(try NIOSSLCertificate.fromPEMBytes(Array(pem.utf8)).first).toDERBytes()
    }

    private static func isRefused(_ devices: DeviceCredentials, _ certificate: String) async throws -> Bool {
        do {
            _ = try await devices.device(certificate: der(certificate))
            return false
        } catch let error as OperationError {
            return error.code == .accessDenied && error.publicMessage == "Certificate is invalid on this endpoint"
        }
    }

    @Test(arguments: Engine.allCases) func `a device is known by its certificate until that is revoked`(_ engine: Engine) async throws {
        try await Self.with(engine) { store, authorities, devices in
            try await authorities.create(lifetime: Self.day)
            #expect(try await store.addThing(account: Self.account, name: "gate-7"))
            #expect(try await !store.addThing(account: Self.account, name: "gate-7"))
            let issued = try await authorities.certify("gate-7", account: Self.account, lifetime: Self.day)
            let other = try await authorities.certify("gate-7", account: Self.account, lifetime: Self.day)
            #expect(issued.serial != other.serial && issued.serial.wholeMatch(of: /[0-7][0-9A-F]{31}/) != nil)
            let device = try await devices.device(certificate: Self.der(issued.certificate))
            #expect(device.account == Self.account && device.thing == "gate-7" && device.serial == issued.serial)
            #expect(device.certificateID.wholeMatch(of: /[0-9a-f]{64}/) != nil)

            #expect(try await store.revokeThingCertificate(serial: issued.serial))
            let first = try await store.things().compactMap(\.certificate?.revokedAt)
            #expect(first.count == 1)
            #expect(try await Self.isRefused(devices, issued.certificate))
            #expect(try await !Self.isRefused(devices, other.certificate))
            // Once more changes nothing, and what is not there is told.
            #expect(try await store.revokeThingCertificate(serial: issued.serial))
            #expect(try await store.things().compactMap(\.certificate?.revokedAt) == first)
            #expect(try await !store.revokeThingCertificate(serial: "01"))
            let active = try await store.things().compactMap(\.certificate).filter(\.isActive)
            #expect(active.map(\.serial) == [other.serial])
        }
    }

    @Test(arguments: Engine.allCases) func `a certificate ends with its time, and with its authority`(_ engine: Engine) async throws {
        try await Self.with(engine) { store, authorities, devices in
            try await authorities.create(lifetime: Self.day)
            _ = try await store.addThing(account: Self.account, name: "a")
            let ended = try await authorities.certify("a", account: Self.account, lifetime: 0)
            #expect(try await Self.isRefused(devices, ended.certificate))
            let long = try await authorities.certify("a", account: Self.account, lifetime: 100 * Self.day)
            let authority = try #require(try await store.deviceAuthorities().first)
            #expect(Int64(long.expires.timeIntervalSince1970 * 1000) == authority.expiresAt)
        }
    }

    @Test(arguments: Engine.allCases) func `a certificate that was never recorded is refused, whoever signed it`(_ engine: Engine)
        async throws
    {
        let foreign = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "Vectors/tls/name.pem")
        let certificate = String(decoding: try Data(contentsOf: foreign), as: UTF8.self)
        try await Self.with(engine) { store, authorities, devices in
            try await authorities.create(lifetime: Self.day)
            #expect(try await Self.isRefused(devices, certificate))
            // That of the authority itself is none of a device.
            #expect(try await Self.isRefused(devices, #require(try await authorities.certificates().first)))
            await #expect(throws: OperationError.self) { _ = try await devices.device(certificate: []) }
        }
    }

    @Test(arguments: Engine.allCases) func `nothing is certified without an authority, a device, or the master key`(_ engine: Engine)
        async throws
    {
        try await Self.with(engine) { store, authorities, _ in
            _ = try await store.addThing(account: Self.account, name: "a")
            await #expect(throws: DeviceAuthorities.Failure.self) {
                _ = try await authorities.certify("a", account: Self.account, lifetime: Self.day)
            }
            try await authorities.create(lifetime: Self.day)
            await #expect(throws: DeviceAuthorities.Failure.self) {
                _ = try await authorities.certify("a", account: "210987654321", lifetime: Self.day)
            }
            let key = try #require(MasterKey(MasterKey.randomBytes()))
            await #expect(throws: DeviceAuthorities.Failure.self) {
                _ = try await DeviceAuthorities(store: store, masterKey: key).certify("a", account: Self.account, lifetime: Self.day)
            }
            #expect(try await store.things().compactMap(\.certificate).isEmpty)
        }
    }

    @Test(arguments: Engine.allCases) func `the newest authority signs, and those before it stay until they end`(_ engine: Engine)
        async throws
    {
        try await Self.with(engine) { store, authorities, devices in
            try await authorities.create(lifetime: 0)
            #expect(try await authorities.certificates().isEmpty)
            try await authorities.create(lifetime: Self.day)
            _ = try await store.addThing(account: Self.account, name: "a")
            let old = try await authorities.certify("a", account: Self.account, lifetime: Self.day)
            let before = try await authorities.certificates()
            try await authorities.create(lifetime: Self.day)
            let after = try await authorities.certificates()
            #expect(before.count == 1 && after.count == 2 && after.contains(before[0]))
            let new = try await authorities.certify("a", account: Self.account, lifetime: Self.day)
            for issued in [old, new] { #expect(try await !Self.isRefused(devices, issued.certificate)) }
            // The private keys are in no form that can be read.
            let records = try await store.deviceAuthorities()
            #expect(records.allSatisfy { !$0.keySealed.contains("PRIVATE") } && records.allSatisfy { !$0.certificate.contains("PRIVATE") })
        }
    }
}
