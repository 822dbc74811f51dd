public import SQL

extension PostgresDatabase {
    /// What the role lacks to serve from the schema, as `INSERT, DELETE on stream`; empty where it lacks nothing, or where there is no schema
    /// yet. The schema is the one that `schema_migration` is in, with all tables of that one's owner. Makes a connection of its own, as
    /// `migrationConnection` does.
    public func missingRights() throws(DatabaseError) -> [String] {
        var missing: [String] = []
        for var row in try migrationConnection().query(Self.missingRightsQuery) { missing.append(try row.text()) }
        return missing
    }

    // Whoever may not use a schema does not find its tables by name either; pg_class shows them all the same.
    private static let missingRightsQuery = """
        WITH version_table AS (
            SELECT oid, relnamespace, relowner FROM pg_class WHERE oid = to_regclass('schema_migration')
        )
        SELECT string_agg(r.privilege, ', ' ORDER BY r.place) || ' on ' || c.relname
        FROM version_table v JOIN pg_class c ON c.relnamespace = v.relnamespace AND c.relowner = v.relowner AND c.relkind IN ('r', 'p'),
            unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS r (privilege, place)
        WHERE (c.oid <> v.oid OR r.privilege = 'SELECT') AND NOT has_table_privilege(c.oid, r.privilege)
        GROUP BY c.relname
        UNION ALL
        SELECT 'EXECUTE on ' || p.oid::regprocedure::text
        FROM version_table v JOIN pg_proc p ON p.pronamespace = v.relnamespace AND p.proname = 'now_ms'
        WHERE NOT has_function_privilege(p.oid, 'EXECUTE')
        UNION ALL
        SELECT 'USAGE on schema ' || n.nspname
        FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'schema_migration'
        WHERE NOT EXISTS (SELECT FROM version_table) AND NOT has_schema_privilege(n.oid, 'USAGE')
            AND n.nspname = ANY (string_to_array(replace(current_setting('search_path'), ' ', ''), ','))
        """
}
