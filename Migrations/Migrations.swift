public import SQL

extension Migration {
    /// Every migration, in order. A new one is a file in each of the two folders and a line here; none is ever changed once released.
    public static let all: [Migration] = [
        Migration(
            version: 1, name: "initial", oldestCompatible: 1,
            sqlite: PackageResources.m0001_initial_sqlite_sql, postgres: PackageResources.m0001_initial_postgres_sql)
    ]
}
