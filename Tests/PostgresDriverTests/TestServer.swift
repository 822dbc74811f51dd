import FoundationEssentials
import Logging
import SQL
import Testing

@testable import PostgresDriver

/// The Postgres server the tests run against, and a schema of its own for each test.
struct TestServer {
    struct Missing: Error, CustomStringConvertible {
        var description: String {
            "WEIR_TEST_POSTGRES does not hold a superuser's URL: run the tests with ops/test, which starts a Postgres for them"
        }
    }

    let url: String

    init() throws {
        guard let url = ProcessInfo.processInfo.environment["WEIR_TEST_POSTGRES"], !url.isEmpty else { throw Missing() }
        self.url = url
    }

    /// The URL with more parameters, percent-encoded by the caller.
    func url(_ parameters: String) -> String {
        url + (url.contains("?") ? "&" : "?") + parameters
    }

    /// The URL with another password or another database.
    func url(password: String? = nil, database: String? = nil) throws -> String {
        var components = try #require(URLComponents(string: url))
        if let password { components.password = password }
        if let database { components.path = "/\(database)" }
        return try #require(components.string)
    }

    /// The port it listens on.
    var port: UInt16 {
        get throws { UInt16(try #require(URLComponents(string: url)?.port)) }
    }

    /// The URL by way of another port, with a schema of its own.
    func url(port: UInt16, schema: String) throws -> String {
        var components = try #require(URLComponents(string: url("options=-csearch_path%3D\(schema)")))
        components.port = Int(port)
        return try #require(components.string)
    }

    func database(_ connectionInfo: String, _ configuration: PostgresDatabase.Configuration = .init()) throws -> PostgresDatabase {
        try PostgresDatabase(connectionInfo: connectionInfo, configuration: configuration, logger: .quiet)
    }

    /// Runs `body` with a database whose connections see a fresh schema, set up by `ddl`; everything is gone afterwards.
    func withSchema(
        _ ddl: String, _ configure: (inout PostgresDatabase.Configuration) -> Void = { _ in },
        _ body: (_ database: PostgresDatabase, _ admin: any MigrationConnection) async throws -> Void
    ) async throws {
        let schema = "test_\(UInt64.random(in: 0 ..< .max))"
        var configuration = PostgresDatabase.Configuration()
        // Tells the connections of this test from all others.
        configuration.applicationName = schema
        // Tests that hold locks must not depend on how busy the machine is.
        (configuration.lockTimeout, configuration.statementTimeout) = (.seconds(60), .seconds(120))
        configure(&configuration)
        let database = try database(url("options=-csearch_path%3D\(schema)"), configuration)
        let admin = try database.migrationConnection()
        try admin.execute("CREATE SCHEMA \(schema); SET search_path = \(schema); \(ddl)")
        do {
            try await body(database, admin)
        } catch {
            Issue.record(error)
        }
        await database.close()
        // The test may have ended its administrator's connection.
        try database.migrationConnection().execute("DROP SCHEMA \(schema) CASCADE")
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

extension MigrationConnection {
    func integer(_ sql: String) throws -> Int64 {
        var row = try #require(try query(sql).first)
        return try row.integer()
    }
}

/// Waits until a level is reached; the deadline only bounds a failure.
func eventually(_ what: String, _ isReached: () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !isReached() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not reached: \(what)", sourceLocation: sourceLocation)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// The error of a call that has to fail.
func failure<Value>(_ body: () async throws(DatabaseError) -> Value, sourceLocation: SourceLocation = #_sourceLocation) async throws
    -> DatabaseError
{
    do throws(DatabaseError) {
        _ = try await body()
    } catch {
        return error
    }
    Issue.record("expected a failure", sourceLocation: sourceLocation)
    throw CancellationError()
}
