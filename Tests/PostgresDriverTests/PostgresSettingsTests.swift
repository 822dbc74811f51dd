import Logging
import SQL
import Testing

@testable import PostgresDriver

@Suite struct PostgresSettingsTests {
    private func refusal(_ connectionInfo: String, _ configuration: PostgresDatabase.Configuration = .init()) -> DatabaseError? {
        do throws(DatabaseError) {
            _ = try PostgresDatabase(connectionInfo: connectionInfo, configuration: configuration, logger: Logger(label: "test"))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "postgres://user:hunter2@host:99999999999/db?nonsense=hunter2", "host=localhost password=hunter2 is wrong",
        "postgres://user:hunter2%zz@host/db",
        "password='hunter2", "postgres://user:hunter2@[::1/db", "nonsense", "hunter2=1", "postgres://user:half@hunter2@localhost/db",
    ]) func `a wrong connection string is refused without being quoted`(_ connectionInfo: String) throws {
        let error = try #require(refusal(connectionInfo))
        #expect(error.kind == .mistake)
        #expect(!error.message.contains("hunter2"))
        #expect(error.message.contains("Postgres connection string"))
    }

    @Test func `a configuration that could serve nothing is refused`() {
        var configuration = PostgresDatabase.Configuration()
        configuration.connections = 0
        #expect(refusal("host=localhost", configuration)?.kind == .mistake)
        configuration = .init()
        configuration.queueLimit = 0
        #expect(refusal("host=localhost", configuration)?.kind == .mistake)
    }

    @Test func `what the connection string says goes before the defaults`() throws {
        let settings = try PostgresSettings("host=localhost connect_timeout=30", .init())
        let names = settings.keywords.map(\.name)
        let own = try #require(names.firstIndex(of: "dbname"))
        for name in [
            "connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "target_session_attrs",
        ] {
            // Of two with the same name libpq takes the later one.
            #expect(try #require(names.firstIndex(of: name)) < own)
            #expect(names.filter { $0 == name }.count == 1)
        }
    }

    @Test func `the password is taken out of libpq's messages`() throws {
        let settings = try PostgresSettings("host=localhost password=hunter2", .init())
        #expect(settings.redact("user hunter2, hunter2") == "user ***, ***")
        #expect(try PostgresSettings("host=localhost", .init()).redact("as it is") == "as it is")
    }
}
