public import SQL

extension Migration {
    /// Every migration, in order. A new one is a file in each of the two folders and a line here; none is ever changed once released.
    public static let all: [Migration] = [
        Migration(
            version: 1, name: "initial", oldestCompatible: 1,
            sqlite: PackageResources.m0001_initial_sqlite_sql, postgres: PackageResources.m0001_initial_postgres_sql),
        // A worker of the first schema does not know the tasks of channels, and would remove a stream without what belongs to it now.
        Migration(
            version: 2, name: "channels and edge", oldestCompatible: 2,
            sqlite: PackageResources.m0002_channels_edge_sqlite_sql, postgres: PackageResources.m0002_channels_edge_postgres_sql),
        Migration(
            version: 3, name: "instances", oldestCompatible: 2,
            sqlite: PackageResources.m0003_instances_sqlite_sql, postgres: PackageResources.m0003_instances_postgres_sql),
        Migration(
            version: 4, name: "views", oldestCompatible: 2,
            sqlite: PackageResources.m0004_views_sqlite_sql, postgres: PackageResources.m0004_views_postgres_sql),
        // A program of an older schema would tell no destination of what it does.
        Migration(
            version: 5, name: "deliveries", oldestCompatible: 5,
            sqlite: PackageResources.m0005_deliveries_sqlite_sql, postgres: PackageResources.m0005_deliveries_postgres_sql),
        Migration(
            version: 6, name: "delivery views", oldestCompatible: 5,
            sqlite: PackageResources.m0006_delivery_views_sqlite_sql, postgres: PackageResources.m0006_delivery_views_postgres_sql),
        Migration(
            version: 7, name: "destinations", oldestCompatible: 5, sqlite: PackageResources.m0007_destinations_sqlite_sql,
            postgres: PackageResources.m0007_destinations_postgres_sql),
        Migration(
            version: 8, name: "edge hubs", oldestCompatible: 5, sqlite: PackageResources.m0008_edge_hubs_sqlite_sql,
            postgres: PackageResources.m0008_edge_hubs_postgres_sql),
        Migration(
            version: 9, name: "instance addresses", oldestCompatible: 5, sqlite: PackageResources.m0009_instance_addresses_sqlite_sql,
            postgres: PackageResources.m0009_instance_addresses_postgres_sql),
        // A program of an older schema would take a user's key for one of the whole account.
        Migration(
            version: 10, name: "users", oldestCompatible: 10, sqlite: PackageResources.m0010_users_sqlite_sql,
            postgres: PackageResources.m0010_users_postgres_sql),
        Migration(
            version: 11, name: "media", oldestCompatible: 10, sqlite: PackageResources.m0011_media_sqlite_sql,
            postgres: PackageResources.m0011_media_postgres_sql),
        Migration(
            version: 12, name: "media events", oldestCompatible: 10, sqlite: PackageResources.m0012_media_events_sqlite_sql,
            postgres: PackageResources.m0012_media_events_postgres_sql),
        Migration(
            version: 13, name: "signaling", oldestCompatible: 10, sqlite: PackageResources.m0013_signaling_sqlite_sql,
            postgres: PackageResources.m0013_signaling_postgres_sql),
        Migration(
            version: 14, name: "pack objects", oldestCompatible: 10, sqlite: PackageResources.m0014_pack_objects_sqlite_sql,
            postgres: PackageResources.m0014_pack_objects_postgres_sql),
        Migration(
            version: 15, name: "roles", oldestCompatible: 10, sqlite: PackageResources.m0015_roles_sqlite_sql,
            postgres: PackageResources.m0015_roles_postgres_sql),
        Migration(
            version: 16, name: "image work", oldestCompatible: 10, sqlite: PackageResources.m0016_image_work_sqlite_sql,
            postgres: PackageResources.m0016_image_work_postgres_sql),
        Migration(
            version: 17, name: "things", oldestCompatible: 10, sqlite: PackageResources.m0017_things_sqlite_sql,
            postgres: PackageResources.m0017_things_postgres_sql),
        Migration(
            version: 18, name: "audit", oldestCompatible: 10, sqlite: PackageResources.m0018_audit_sqlite_sql,
            postgres: PackageResources.m0018_audit_postgres_sql),
        Migration(
            version: 19, name: "destination indexes", oldestCompatible: 10, sqlite: PackageResources.m0019_destination_indexes_sqlite_sql,
            postgres: PackageResources.m0019_destination_indexes_postgres_sql),
        Migration(
            version: 20, name: "creation calls", oldestCompatible: 10, sqlite: PackageResources.m0020_creation_calls_sqlite_sql,
            postgres: PackageResources.m0020_creation_calls_postgres_sql),
    ]
}
