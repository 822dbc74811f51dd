internal import Locking
public import SQL

/// The time by a test database's clock. It stands still until a test moves it, in either direction.
///
/// Threads: any task may call any method at any time.
public final class TestClock: Sendable {
    private let milliseconds: Lock<Int64>
    private let publish: Lock<Publication?>

    /// Where the clock starts: an arbitrary moment of 2024.
    public static let start: Int64 = 1_705_489_836_421

    /// A clock that the database asks by itself.
    init() {
        milliseconds = Lock(Self.start)
        publish = Lock(nil)
    }

    /// A clock in a table of the Postgres schema that the connection sees, with a `now_ms()` that reads it. Uses the connection for good.
    init(replacing connection: any MigrationConnection) throws(DatabaseError) {
        milliseconds = Lock(Self.start)
        try connection.execute(
            """
            CREATE TABLE \(Engine.testClockTable) (now BIGINT NOT NULL);
            INSERT INTO \(Engine.testClockTable) VALUES (\(Self.start));
            CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$ SELECT now FROM \(Engine.testClockTable) $$
            """)
        publish = Lock(Publication(connection: connection))
    }

    /// The time now: milliseconds since the epoch.
    public var now: Int64 { milliseconds.withLock { $0 } }

    /// Moves the clock by `step` milliseconds; negative steps it back. Every statement that begins afterwards sees it.
    public func advance(by step: Int64) throws(DatabaseError) {
        let now = milliseconds.withLock { milliseconds in
            milliseconds += step
            return milliseconds
        }
        try publish.withLock { publication throws(DatabaseError) in
            try publication?.connection.execute("UPDATE \(Engine.testClockTable) SET now = \(now)")
        }
    }

    // The connection is only used under the lock that holds it.
    private struct Publication: @unchecked Sendable {
        let connection: any MigrationConnection
    }
}
