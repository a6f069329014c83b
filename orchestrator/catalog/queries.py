"""The queries against pg_catalog. They run with an empty search_path, so that every name comes back qualified."""

# Exact names: to_regclass() on quoted parts, so that `Users` is not folded to `users`.
RESOLVE = """
SELECT c.oid::bigint, n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(%(name)s) AND c.relkind IN ('r', 'p')
"""

KNOWN_TABLES = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'orchestrator')
ORDER BY 1 LIMIT 200
"""

SERVER_VERSION = "SELECT current_setting('server_version_num')::int"
LOCK_SLOTS = (
    "SELECT current_setting('max_locks_per_transaction')::int"
    " * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)"
)
SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
MAY_SET_REPLICATION_ROLE = "SELECT pg_catalog.has_parameter_privilege('session_replication_role', 'SET')"
MAY_COMPRESS_WAL = """
SELECT setting = 'off' AND 'lz4' = ANY (enumvals) AND pg_catalog.has_parameter_privilege('wal_compression', 'SET')
FROM pg_catalog.pg_settings WHERE name = 'wal_compression'
"""

# of a partitioned table what holds for all of its partitions, and what they are together
TABLE = """
SELECT tree.owned, tree.may_create, c.relkind = 'p' AS partitioned, c.relispartition AS partition,
       (c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid))
         OR (NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)) AS inherits,
       c.relpersistence = 'u' AS unlogged,
       tree.row_security_applies, c.relrowsecurity AS row_security, pg_get_userbyid(c.relowner) AS owner,
       -- what it takes to make something its own
       has_schema_privilege(c.relowner, c.relnamespace, 'CREATE') OR EXISTS (
         SELECT FROM pg_roles r WHERE r.rolname = current_user AND (r.rolsuper OR r.oid = c.relowner))
         AS owner_may_create,
       tree.rows, tree.bytes, tree.index_bytes, obj_description(c.oid, 'pg_class') AS comment
FROM pg_class c, LATERAL (
  SELECT bool_and(pg_has_role(r.relowner, 'USAGE')) AS owned,
         bool_and(has_schema_privilege(r.relnamespace, 'CREATE')) AS may_create,
         bool_or(row_security_active(r.oid)) AS row_security_applies,
         CASE WHEN c.relkind = 'p' THEN sum(greatest(r.reltuples, 0)) FILTER (WHERE r.relkind <> 'p')
              ELSE sum(r.reltuples) END::float8 AS rows,
         sum(pg_relation_size(r.oid))::bigint AS bytes, sum(pg_indexes_size(r.oid))::bigint AS index_bytes
  FROM pg_class r WHERE r.oid = c.oid OR r.oid = ANY (%(partitions)s::oid[])
) AS tree
WHERE c.oid = %(oid)s
"""

TREE = """
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, t.isleaf AS leaf, c.relkind::text AS kind,
       ARRAY(SELECT COALESCE(r.rolname, '') FROM aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
             WHERE x.privilege_type = 'TRIGGER' AND x.grantee <> c.relowner ORDER BY 1)::text[] AS creators
FROM pg_partition_tree(%(oid)s::oid::regclass) t
JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.level > 0 ORDER BY t.level, c.oid
"""

# of every level; those that an expression of the key reads depend on their table in the same way
TREE_KEY = """
SELECT DISTINCT a.attname FROM pg_partitioned_table k JOIN pg_attribute a ON a.attrelid = k.partrelid AND a.attnum > 0
WHERE k.partrelid = ANY (%(tree)s::oid[]) AND EXISTS (
  SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum
  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = 0 AND d.deptype = 'i')
ORDER BY 1
"""

EXPRESSION_IN_KEY = (
    "SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = ANY (%(tree)s::oid[]) AND partexprs IS NOT NULL)"
)

# what a partition has on a column and did not get from its parent; a key is found by its index
OWN = """
SELECT i.indrelid::regclass::text AS partition, 'index' AS kind, c.relname AS name, a.attname AS column
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0
  AND (a.attnum = ANY (i.indkey::int2[])
       OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))
WHERE i.indrelid = ANY (%(partitions)s::oid[])
  AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)
UNION ALL
SELECT i.indrelid::regclass::text, CASE WHEN i.indisreplident THEN 'replica identity' ELSE 'attribute' END,
       root.relname, a.attname
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class root ON root.oid = pg_partition_root(i.indexrelid)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
WHERE i.indrelid = ANY (%(partitions)s::oid[]) AND root.oid <> c.oid
  AND (i.indisreplident OR i.indisclustered OR obj_description(c.oid, 'pg_class') IS NOT NULL
       OR c.reltablespace <> root.reltablespace OR c.reloptions IS DISTINCT FROM root.reloptions)
UNION ALL
SELECT con.conrelid::regclass::text,
       CASE con.contype WHEN 'n' THEN CASE con.coninhcount WHEN 0 THEN 'not null' ELSE 'kept not null' END
            WHEN 'f' THEN 'foreign key' ELSE 'constraint' END,
       con.conname, a.attname
FROM pg_constraint con JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)
WHERE con.conrelid = ANY (%(partitions)s::oid[]) AND con.conparentid = 0
  AND (con.contype = 'f' OR (con.contype IN ('c', 'n') AND con.conislocal))
UNION ALL
SELECT con.conrelid::regclass::text, 'attribute', con.conname, a.attname
FROM pg_constraint con JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)
WHERE con.conrelid = ANY (%(partitions)s::oid[]) AND con.contype NOT IN ('p', 'n')
  AND (con.conparentid <> 0 OR NOT con.conislocal) AND obj_description(con.oid, 'pg_constraint') IS NOT NULL
UNION ALL
SELECT con.conrelid::regclass::text, 'attribute of not null', con.conname, a.attname
FROM pg_constraint con JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)
JOIN pg_attribute r ON r.attrelid = %(oid)s AND r.attname = a.attname
JOIN pg_constraint top ON top.conrelid = r.attrelid AND top.contype = 'n' AND r.attnum = ANY (top.conkey)
WHERE con.conrelid = ANY (%(partitions)s::oid[]) AND con.contype = 'n' AND NOT con.conislocal
  AND (obj_description(con.oid, 'pg_constraint') IS NOT NULL OR con.convalidated AND NOT top.convalidated)
UNION ALL
SELECT con.confrelid::regclass::text, 'foreign key to it', con.conname, a.attname
FROM pg_constraint con JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = ANY (con.confkey)
WHERE con.confrelid = ANY (%(partitions)s::oid[]) AND con.conparentid = 0 AND con.contype = 'f'
UNION ALL
SELECT con.conrelid::regclass::text, 'name of not null', con.conname, a.attname
FROM pg_constraint con JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)
JOIN pg_attribute r ON r.attrelid = %(oid)s AND r.attname = a.attname
JOIN pg_constraint top ON top.conrelid = r.attrelid AND top.contype = 'n' AND r.attnum = ANY (top.conkey)
WHERE con.conrelid = ANY (%(partitions)s::oid[]) AND con.contype = 'n' AND con.conname <> top.conname
UNION ALL
SELECT s.stxrelid::regclass::text, 'statistics', s.stxname, a.attname
FROM pg_statistic_ext s JOIN pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum > 0
  AND (a.attnum = ANY (s.stxkeys::int2[])
       OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.stxrelid AND d.refobjsubid = a.attnum))
WHERE s.stxrelid = ANY (%(partitions)s::oid[])
UNION ALL
SELECT a.attrelid::regclass::text, 'not null', '', a.attname
FROM pg_attribute a JOIN pg_attribute r ON r.attrelid = %(oid)s AND r.attname = a.attname
WHERE a.attrelid = ANY (%(partitions)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attnotnull AND NOT r.attnotnull
UNION ALL
SELECT a.attrelid::regclass::text, 'default', '', a.attname
FROM pg_attribute a JOIN pg_attribute r ON r.attrelid = %(oid)s AND r.attname = a.attname
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_attrdef rd ON rd.adrelid = r.attrelid AND rd.adnum = r.attnum
WHERE a.attrelid = ANY (%(partitions)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM pg_get_expr(rd.adbin, rd.adrelid)
UNION ALL
SELECT a.attrelid::regclass::text, 'attribute', '', a.attname
FROM pg_attribute a JOIN pg_attribute r ON r.attrelid = %(oid)s AND r.attname = a.attname
WHERE a.attrelid = ANY (%(partitions)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND (a.attacl IS NOT NULL OR a.attoptions IS NOT NULL OR a.attcompression <> '' OR a.attstorage <> r.attstorage
       OR a.attstattarget IS DISTINCT FROM r.attstattarget OR col_description(a.attrelid, a.attnum) IS NOT NULL)
ORDER BY 1, 2, 3, 4
"""

# how two values of a type are told apart by their bytes: `image` always does, at a price. A `=` of somebody's own over
# one of these types could be found in the place of PostgreSQL's
COMPARISON = """
       CASE WHEN EXISTS (SELECT FROM pg_operator o WHERE o.oprname = '=' AND o.oprleft = b.oid AND o.oprright = b.oid
                         AND o.oprnamespace <> 'pg_catalog'::regnamespace) THEN 'image'
            WHEN b.oid IN ('text'::regtype, 'varchar'::regtype) THEN 'text'
            WHEN b.typtype = 'e' OR b.oid IN (
              'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'boolean'::regtype, 'uuid'::regtype,
              'date'::regtype, 'time'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'oid'::regtype,
              'bytea'::regtype, '"char"'::regtype) THEN 'plain'
            ELSE 'image' END AS comparison"""

COLUMNS = f"""
SELECT a.attname AS name, a.attnum::int AS number, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS not_null,
       CASE WHEN a.attcollation <> t.typcollation THEN ARRAY[cn.nspname, co.collname]::text[] END AS collation,
       CASE WHEN a.attstorage <> t.typstorage THEN
         CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
       END AS storage,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
       CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::int END AS statistics,
       COALESCE(a.attoptions, '{{}}') AS options,
       col_description(a.attrelid, a.attnum) AS comment,
       CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default,
       a.attgenerated <> '' AS generated, a.attidentity::text AS identity,
       EXISTS (SELECT 1 FROM pg_seclabel s WHERE s.classoid = 'pg_class'::regclass AND s.objoid = a.attrelid
               AND s.objsubid = a.attnum) AS security_label,
       EXISTS (WITH RECURSIVE chain AS (
                 SELECT t.* UNION ALL SELECT b.* FROM chain c JOIN pg_type b ON b.oid = c.typbasetype)
               SELECT FROM chain c WHERE c.typtype = 'd' AND (c.typnotnull OR c.typdefault IS NOT NULL
                 OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = c.oid))) AS constrained_domain,{COMPARISON},
       a.attacl AS acl
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
LEFT JOIN pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

TABLE_GRANTS = """
SELECT x.privilege_type, r.rolname, x.is_grantable
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE c.oid = %(oid)s AND x.grantee <> c.relowner ORDER BY 2 NULLS FIRST, 1
"""

# what goes with the table (its type, its indexes, its sequences), and then what depends on that and does not go
TABLE_USERS = """
WITH RECURSIVE goes(classid, objid) AS (
  SELECT 'pg_class'::regclass::oid, %(oid)s::oid
  UNION
  SELECT d.classid, d.objid FROM goes g JOIN pg_depend d ON d.refclassid = g.classid AND d.refobjid = g.objid
  WHERE d.deptype IN ('a', 'i', 'P', 'S')
)
SELECT DISTINCT '' AS column,
       CASE WHEN v.relkind = 'v' THEN 'view' WHEN v.relkind = 'm' THEN 'materialized view'
            WHEN d.classid = 'pg_rewrite'::regclass THEN 'rule' WHEN d.classid = 'pg_proc'::regclass THEN 'function'
            WHEN d.classid = 'pg_policy'::regclass THEN 'policy' ELSE 'object' END AS kind,
       CASE WHEN v.relkind IN ('v', 'm') THEN v.oid::regclass::text
            ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS name
FROM goes g JOIN pg_depend d ON d.refclassid = g.classid AND d.refobjid = g.objid AND d.deptype = 'n'
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_class v ON v.oid = r.ev_class
WHERE NOT EXISTS (SELECT FROM goes o WHERE o.classid = d.classid AND o.objid = d.objid)
  AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (
    SELECT FROM pg_constraint f WHERE f.oid = d.objid AND f.contype = 'f'))
UNION SELECT '', 'extension', e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.classid = 'pg_class'::regclass AND d.objid = %(oid)s AND d.deptype = 'e'
ORDER BY 2, 3
"""

BODIES = """
SELECT p.oid::regprocedure::text AS name, p.prosrc AS body
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosqlbody IS NULL AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'orchestrator')
  AND strpos(p.prosrc, %(table)s) > 0 ORDER BY 1
"""

OTHERS_ROUTINES = """
SELECT p.oid::regprocedure::text AS name
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE l.lanname = 'plpgsql' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'orchestrator')
  AND NOT pg_has_role(p.proowner, 'USAGE') AND ({mentions}) ORDER BY 1
"""

# what another table must have to be like it
SHAPE = """
SELECT am.amname AS access_method, ts.spcname AS tablespace, c.relpersistence::text AS persistence,
       c.relreplident::text AS replica_identity, c.reloftype <> 0 AS typed,
       EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid) AS rules,
       EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
       EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = c.oid) AS subscribed,
       EXISTS (SELECT FROM pg_seclabel s WHERE s.classoid = 'pg_class'::regclass AND s.objoid = c.oid
               AND s.objsubid = 0) AS security_label,
       ARRAY(SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
             WHERE i.indrelid = c.oid AND x.reloptions IS NOT NULL
               AND EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.conrelid = c.oid)
             ORDER BY 1)::text[] AS keys_with_options
FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
WHERE c.oid = %(oid)s
"""
TABLE_OPTIONS = """
SELECT o.option_name AS name, o.option_value AS value, c.oid <> %(oid)s AS toast
FROM pg_class c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
WHERE c.oid = %(oid)s OR c.oid = (SELECT reltoastrelid FROM pg_class WHERE oid = %(oid)s) ORDER BY 3, 1
"""
KEY_COLUMNS = """
SELECT a.attname AS name, format('OPERATOR(%%I.%%s)', opn.nspname, o.oprname) AS operator
FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY k(n, class, position)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
JOIN pg_opclass oc ON oc.oid = k.class JOIN pg_am am ON am.oid = oc.opcmethod AND am.amname = 'btree'
JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype
  AND ao.amoprighttype = oc.opcintype AND ao.amopstrategy = 3
JOIN pg_operator o ON o.oid = ao.amopopr JOIN pg_namespace opn ON opn.oid = o.oprnamespace
WHERE i.indrelid = %(oid)s AND i.indisprimary ORDER BY k.position
"""

COLUMN_GRANTS = """
SELECT a.attname, x.privilege_type, r.rolname, x.is_grantable
FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE a.attrelid = %(oid)s AND a.attacl IS NOT NULL ORDER BY 1, 3 NULLS FIRST, 2
"""

# an index reads a column as a key, or in an expression or predicate (pg_depend); indkey alone shows only the first
INDEXES = """
SELECT i.indexrelid::bigint AS oid, c.relname AS name,
       ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum > 0
             AND (a.attnum = ANY (i.indkey::int2[])
                  OR EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                             AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass
                             AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))
             ORDER BY a.attnum)::text[] AS reads, i.indisunique AS unique, i.indisvalid AS valid,
       COALESCE((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) AS nulls_not_distinct,
       ARRAY(SELECT COALESCE(a.attname, '') FROM generate_series(0, i.indnkeyatts - 1) k
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] AND a.attnum > 0
             ORDER BY k)::text[] AS keys, i.indpred IS NOT NULL AS partial,
       ARRAY(SELECT a.attname FROM generate_series(i.indnkeyatts::int, i.indnatts - 1) k
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] ORDER BY k)::text[] AS include,
       COALESCE((SELECT string_agg(format('%%I=%%L', o.option_name, o.option_value), ', ')
                 FROM pg_options_to_table(c.reloptions) o), '') AS options,
       pg_get_indexdef(i.indexrelid) AS definition,
       format('CREATE %%sINDEX %%I ON %%s%%I.%%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
              c.relname, CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END, tn.nspname, tc.relname) AS head,
       ts.spcname AS tablespace, obj_description(c.oid, 'pg_class') AS comment,
       COALESCE((SELECT array_agg(ARRAY[a.attnum::int, a.attstattarget::int] ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attstattarget >= 0), '{}') AS statistics,
       con.conname AS constraint, i.indisclustered AS clustered, i.indisreplident AS replica_identity,
       ARRAY(SELECT ARRAY[k.conname, format('%%s.%%s', kn.nspname, kc.relname)]
             FROM pg_constraint k JOIN pg_class kc ON kc.oid = k.conrelid
             JOIN pg_namespace kn ON kn.oid = kc.relnamespace
             WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conindid IN (
               SELECT i.indexrelid UNION SELECT relid FROM pg_partition_tree(i.indexrelid))
             ORDER BY k.conname, kc.relname)::text[] AS relied_on,
       con.contype = 'x' OR COALESCE((to_jsonb(con) ->> 'conperiod')::bool, false) AS exclusion
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class tc ON tc.oid = i.indrelid JOIN pg_namespace tn ON tn.oid = tc.relnamespace
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid
  AND con.contype IN ('p', 'u', 'x')
WHERE i.indrelid = %(oid)s
ORDER BY i.indisprimary DESC, i.indisunique DESC, c.relname
"""

# UNIQUE WITHOUT OVERLAPS is an exclusion constraint in all but its name
CONSTRAINTS = """
SELECT con.conname AS name, CASE WHEN con.contype = 'u' AND p.temporal THEN 'x' ELSE con.contype::text END AS type,
       ic.relname AS index,
       ARRAY(SELECT a.attname FROM unnest(con.conkey) WITH ORDINALITY k(n, o)
             JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.n ORDER BY k.o)::text[] AS columns,
       ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = con.conrelid AND a.attnum > 0
             AND (a.attnum = ANY (con.conkey)
                  OR EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_constraint'::regclass
                             AND d.objid = con.oid AND d.refclassid = 'pg_class'::regclass
                             AND d.refobjid = con.conrelid AND d.refobjsubid = a.attnum))
             ORDER BY a.attnum)::text[] AS reads,
       p.temporal, con.contype IN ('p', 'u') AND NOT p.temporal AS over_index,
       pg_get_constraintdef(con.oid) AS definition, con.convalidated AS validated,
       'NOT (' || pg_get_expr(con.conbin, con.conrelid) || ')' AS broken_by,
       COALESCE((to_jsonb(con) ->> 'conenforced')::bool, true) AS enforced,
       con.condeferrable AS deferrable, con.condeferred AS deferred,
       obj_description(con.oid, 'pg_constraint') AS comment
FROM pg_constraint con LEFT JOIN pg_class ic ON ic.oid = con.conindid,
LATERAL (SELECT COALESCE((to_jsonb(con) ->> 'conperiod')::bool, false) AS temporal) AS p
WHERE con.conrelid = %(oid)s AND con.contype IN ('c', 'n', 'p', 'u', 'x')
ORDER BY con.contype = 'p' DESC, con.conname
"""

FOREIGN_KEYS = """
SELECT con.conname AS name, n.nspname AS schema, c.relname AS relation,
       fn.nspname AS f_schema, fc.relname AS f_relation,
       ARRAY(SELECT a.attname FROM unnest(con.conkey) WITH ORDINALITY k(n, o)
             JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.n ORDER BY k.o)::text[] AS columns,
       ARRAY(SELECT a.attname FROM unnest(con.confkey) WITH ORDINALITY k(n, o)
             JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.n ORDER BY k.o)::text[] AS f_columns,
       ARRAY(SELECT a.attname FROM jsonb_array_elements_text(
               COALESCE(NULLIF(to_jsonb(con) -> 'confdelsetcols', 'null'), '[]')) WITH ORDINALITY k(n, o)
             JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.n::int
             ORDER BY k.o)::text[] AS set_columns,
       ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM unnest(con.conkey) WITH ORDINALITY k(n, o)
             JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.n ORDER BY k.o) AS types,
       ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM unnest(con.confkey) WITH ORDINALITY k(n, o)
             JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.n ORDER BY k.o) AS f_types,
       con.confmatchtype::text AS match, con.confupdtype::text AS on_update, con.confdeltype::text AS on_delete,
       con.condeferrable AS deferrable, con.condeferred AS deferred, con.convalidated AS validated,
       COALESCE((to_jsonb(con) ->> 'conenforced')::bool, true) AS enforced,
       COALESCE((to_jsonb(con) ->> 'conperiod')::bool, false) AS temporal,
       (con.conrelid <> %(oid)s AND (c.relkind = 'p' OR c.relispartition))
         OR (con.confrelid <> %(oid)s AND (fc.relkind = 'p' OR fc.relispartition)) AS partitioned,
       pg_has_role(c.relowner, 'USAGE') AND pg_has_role(fc.relowner, 'USAGE') AS owned,
       obj_description(con.oid, 'pg_constraint') AS comment,
       (SELECT count(*) FROM pg_partition_tree(con.conrelid) t WHERE t.relid <> con.conrelid) AS partitions
FROM pg_constraint con
JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class fc ON fc.oid = con.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
WHERE con.contype = 'f' AND con.conparentid = 0
  AND (con.conrelid = %(oid)s OR con.confrelid = %(oid)s)
ORDER BY con.conrelid <> %(oid)s, n.nspname, c.relname, con.conname
"""

KNOWN_ENUMS = """
SELECT CASE WHEN pg_type_is_visible(t.oid) THEN t.typname ELSE n.nspname || '.' || t.typname END AS name
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'orchestrator')
ORDER BY 1 LIMIT 200
"""
LABELS = """
SELECT ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)::text[] AS values
FROM pg_type t WHERE t.oid = to_regtype(%(name)s)
"""
TYPE_EXISTS = "SELECT to_regtype(%(name)s) IS NOT NULL"
# exact names, as of tables
RESOLVE_ENUM = "SELECT oid::bigint FROM pg_type WHERE oid = to_regtype(%(name)s) AND typtype = 'e'"
ENUM = """
SELECT n.nspname AS schema, t.typname AS name,
       ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)::text[] AS values,
       pg_get_userbyid(t.typowner) AS owner, pg_has_role(t.typowner, 'USAGE') AS owned,
       has_schema_privilege(n.oid, 'CREATE') AS may_create, obj_description(t.oid, 'pg_type') AS comment,
       t.typacl IS NOT NULL AS granted,
       (SELECT x.extname FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
        WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e') AS extension
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = %(oid)s
"""
# temporary tables are nobody's but their session's; a partition follows its parent
ENUM_COLUMNS = """
SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, a.atttypid <> t.oid AS array
FROM pg_type t
JOIN pg_attribute a ON a.atttypid IN (t.oid, NULLIF(t.typarray, 0)) AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.oid = %(oid)s ORDER BY n.nspname, c.relname, a.attnum
"""
ENUM_GRANTS = """
SELECT x.privilege_type, r.rolname, x.is_grantable
FROM pg_type t CROSS JOIN LATERAL aclexplode(t.typacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE t.oid = %(oid)s AND x.grantee <> t.typowner ORDER BY 2 NULLS FIRST, 1
"""
# what depends on the columns as well goes with them, or is found where the table is looked at; so is a view on them
ENUM_USERS = """
WITH used AS (
  SELECT a.attrelid, a.attnum FROM pg_type t
  JOIN pg_attribute a ON a.atttypid IN (t.oid, NULLIF(t.typarray, 0)) AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') WHERE t.oid = %(oid)s
), theirs AS (
  SELECT d.classid, d.objid FROM used u
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = u.attrelid AND d.refobjsubid = u.attnum
)
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) AS name
FROM pg_type t JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, NULLIF(t.typarray, 0))
WHERE t.oid = %(oid)s AND d.deptype IN ('n', 'a')
  AND NOT EXISTS (SELECT FROM used u WHERE d.classid = 'pg_class'::regclass AND d.objid = u.attrelid
                  AND d.objsubid = u.attnum)
  AND NOT EXISTS (SELECT FROM theirs o WHERE o.classid = d.classid AND o.objid = d.objid)
  AND NOT EXISTS (SELECT FROM theirs o JOIN pg_rewrite r ON o.classid = 'pg_rewrite'::regclass AND r.oid = o.objid
                  WHERE d.classid = 'pg_class'::regclass AND r.ev_class = d.objid)
ORDER BY 1
"""
ENUM_PUBLICATIONS = """
SELECT DISTINCT p.pubname
FROM pg_type t
JOIN pg_attribute a ON a.atttypid IN (t.oid, NULLIF(t.typarray, 0)) AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_publication_tables p ON p.schemaname = n.nspname AND p.tablename = c.relname
WHERE t.oid = %(oid)s ORDER BY 1
"""

PRIMARY_KEY = """
SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(n, o)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
WHERE i.indrelid = %(oid)s AND i.indisprimary AND k.o <= i.indnkeyatts ORDER BY k.o
"""

# whoever writes rows must be able to count them
WRITERS = """
SELECT DISTINCT r.rolname
FROM pg_class c
JOIN LATERAL (SELECT c.relacl AS acl UNION ALL SELECT a.attacl FROM pg_attribute a WHERE a.attrelid = c.oid) acls
  ON acls.acl IS NOT NULL
CROSS JOIN LATERAL aclexplode(acls.acl) x
LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE c.oid = ANY (%(tree)s::oid[]) AND x.privilege_type IN ('INSERT', 'UPDATE') AND x.grantee <> c.relowner
ORDER BY 1
"""

# a view's owner has its rights on the table, but triggers act for whoever writes to the view, and so with partitions.
# Members of pg_write_all_data count, not it
RIGHTS = """
WITH written AS MATERIALIZED (
  SELECT pg_catalog.unnest(%(tree)s::oid[]) AS oid
  UNION SELECT w.ev_class FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class
  WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    AND d.refobjid = ANY (%(tree)s::oid[]) AND v.relkind = 'v'
)
SELECT r.rolname::text AS role,
       has_table_privilege(r.oid, t.oid, 'SELECT') AND has_table_privilege(r.oid, t.oid, 'INSERT')
       AND has_table_privilege(r.oid, t.oid, 'UPDATE') AND has_table_privilege(r.oid, t.oid, 'DELETE')
       AND has_schema_privilege(r.oid, t.relnamespace, 'USAGE') AS complete,
       EXISTS (SELECT FROM written w WHERE has_any_column_privilege(r.oid, w.oid, 'INSERT, UPDATE')
               OR has_table_privilege(r.oid, w.oid, 'DELETE, TRUNCATE')) AS writes
FROM pg_class t, pg_roles r
WHERE t.oid = %(oid)s AND NOT r.rolsuper AND r.rolname !~ '^pg_'
"""

SEQUENCES = """
SELECT n.nspname AS schema, c.relname AS name, a.attname AS column, d.deptype = 'i' AS identity,
       s.seqtypid::regtype::text AS type, s.seqstart AS start, s.seqincrement AS increment, s.seqmin AS minimum,
       s.seqmax AS maximum, s.seqcache AS cache, s.seqcycle AS cycle,
       ARRAY(SELECT pg_describe_object(u.classid, u.objid, u.objsubid) FROM pg_depend u
             LEFT JOIN pg_attrdef f ON u.classid = 'pg_attrdef'::regclass AND f.oid = u.objid
             LEFT JOIN pg_attribute fa ON fa.attrelid = f.adrelid AND fa.attnum = f.adnum
             WHERE u.refclassid = 'pg_class'::regclass AND u.refobjid = c.oid AND u.deptype = 'n'
               -- its own default, and those of partitions
               AND (f.adrelid = ANY (%(tree)s::oid[]) AND fa.attname = a.attname) IS NOT TRUE
             ORDER BY 1)::text[] AS users,
       c.oid::bigint AS oid
FROM pg_depend d
JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_sequence s ON s.seqrelid = c.oid
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = %(oid)s
  AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
ORDER BY a.attnum, c.relname
"""

SEQUENCE_GRANTS = """
SELECT x.privilege_type, r.rolname, x.is_grantable
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE c.oid = %(oid)s AND x.grantee <> c.relowner ORDER BY 2 NULLS FIRST, 1
"""

STATISTICS = """
SELECT n.nspname AS schema, s.stxname AS name,
       ARRAY(SELECT CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' WHEN 'm' THEN 'mcv' END
             FROM unnest(s.stxkind) k WHERE k <> 'e')::text[] AS kinds,
       pg_get_statisticsobjdef_columns(s.oid) AS columns,
       ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = s.stxrelid AND a.attnum > 0
             AND (a.attnum = ANY (s.stxkeys::int2[])
                  OR EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_statistic_ext'::regclass
                             AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
                             AND d.refobjid = s.stxrelid AND d.refobjsubid = a.attnum))
             ORDER BY a.attnum)::text[] AS reads,
       CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget::int END AS target,
       obj_description(s.oid, 'pg_statistic_ext') AS comment,
       CASE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = current_user AND (r.rolsuper OR r.oid = s.stxowner))
              OR (pg_has_role(s.stxowner, 'USAGE') AND has_schema_privilege(s.stxowner, s.stxnamespace, 'CREATE'))
            THEN pg_get_userbyid(s.stxowner) END AS owner,
       cardinality(s.stxkeys::int2[]) = 0 AND s.stxexprs IS NOT NULL AS one_expression
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE s.stxrelid = %(oid)s
ORDER BY n.nspname, s.stxname
"""

# what names the column and is neither index, constraint, sequence, own default nor statistics
DEPENDENTS = """
SELECT DISTINCT a.attname AS column,
       CASE WHEN d.classid = 'pg_rewrite'::regclass THEN
              CASE v.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'rule' END
            WHEN d.classid = 'pg_policy'::regclass THEN 'policy'
            WHEN d.classid = 'pg_trigger'::regclass THEN 'trigger'
            WHEN d.classid = 'pg_publication_rel'::regclass THEN 'publication'
            WHEN d.classid = 'pg_proc'::regclass THEN 'function'
            WHEN da.attgenerated = 'v' THEN 'VIRTUAL generated column'
            WHEN d.classid = 'pg_attrdef'::regclass OR ga.attgenerated <> '' THEN 'generated column'
            ELSE 'object' END AS kind,
       CASE WHEN v.relkind IN ('v', 'm') THEN v.oid::regclass::text
            WHEN d.classid = 'pg_attrdef'::regclass THEN da.attname
            WHEN ga.attgenerated <> '' THEN ga.attname
            ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS name,
       t.tgname AS trigger
FROM pg_depend d
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_class v ON v.oid = r.ev_class
LEFT JOIN pg_attrdef ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid
LEFT JOIN pg_attribute da ON da.attrelid = ad.adrelid AND da.attnum = ad.adnum
-- before PostgreSQL 15 the generated column itself depends, and not its expression
LEFT JOIN pg_attribute ga ON d.classid = 'pg_class'::regclass AND ga.attrelid = d.objid AND ga.attnum = d.objsubid
LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (%(tree)s::oid[]) AND d.refobjsubid > 0
  AND COALESCE(t.tgparentid, 0) = 0
  AND d.classid NOT IN ('pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
  AND NOT (d.classid = 'pg_class'::regclass AND d.objid <> d.refobjid
           AND EXISTS (SELECT 1 FROM pg_class o WHERE o.oid = d.objid AND o.relkind IN ('i', 'I', 'S')))
  AND NOT (ad.oid IS NOT NULL AND ad.adrelid = d.refobjid AND ad.adnum = d.refobjsubid AND da.attgenerated = '')
  AND NOT (d.classid = 'pg_class'::regclass AND d.objid = d.refobjid AND da.attname IS NULL AND d.objsubid = 0)
ORDER BY 1, 2, 3
"""

# a function, f, that belongs to somebody, r, whom neither our role nor the owner of a table, c, stands for, and who is
# no superuser; it would run with the rights of whoever writes
FOREIGN = """NOT f.prosecdef AND NOT r.rolsuper AND NOT pg_catalog.pg_has_role(r.oid, 'USAGE')
               AND NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER')"""

# of a trigger, t: what it, or its WHEN, calls
FOREIGN_FUNCTIONS = f"""
       ARRAY(SELECT pg_catalog.format('%%s of role %%I', f.oid::pg_catalog.regprocedure, r.rolname)
             FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_roles r ON r.oid = f.proowner
             WHERE f.oid IN (SELECT d.refobjid FROM pg_catalog.pg_depend d
                             WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objid = t.oid
                             AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                             UNION SELECT o.oprcode FROM pg_catalog.pg_depend d
                             JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid
                             WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objid = t.oid
                             AND d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass)
               AND {FOREIGN}
             ORDER BY 1)"""

# what else PostgreSQL computes when a row is written: checks, also of domains, indexes, generated columns, keys
# of partitions
FOREIGN_CODE = f"""
WITH RECURSIVE types AS (
  SELECT atttypid AS oid FROM pg_attribute WHERE attrelid = ANY (%(tree)s::oid[]) AND attnum > 0 AND NOT attisdropped
  UNION SELECT inner_type FROM types JOIN pg_type USING (oid), unnest(ARRAY[typbasetype, typelem]) AS inner_type
), computed AS (
  SELECT 'pg_constraint'::regclass AS classid, oid, 0 AS part, format('constraint "%%s"', conname) AS what
  FROM pg_constraint WHERE contype = 'c' AND (conrelid = ANY (%(tree)s::oid[]) OR contypid IN (SELECT oid FROM types))
  UNION ALL SELECT 'pg_class'::regclass, i.oid, 0, format('index "%%s"', relname)
  FROM pg_index JOIN pg_class i ON i.oid = indexrelid WHERE indrelid = ANY (%(tree)s::oid[])
  -- before PostgreSQL 15 it is the column that depends
  UNION ALL SELECT each.classid, each.oid, each.part, format('generated column "%%s"', attname)
  FROM pg_attribute JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum, LATERAL (
    VALUES ('pg_attrdef'::regclass, d.oid, 0), ('pg_class'::regclass, attrelid, attnum)) AS each (classid, oid, part)
  WHERE attrelid = ANY (%(tree)s::oid[]) AND attgenerated <> ''
  UNION ALL SELECT 'pg_class'::regclass, partrelid, 0, 'partition key' FROM pg_partitioned_table
  WHERE partrelid = ANY (%(tree)s::oid[])
)
SELECT DISTINCT computed.what, format('%%s of role %%I', f.oid::regprocedure, r.rolname) AS function
FROM pg_class c, computed
JOIN pg_depend d ON d.classid = computed.classid AND d.objid = computed.oid AND d.objsubid = computed.part
LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
JOIN pg_proc f ON f.oid = CASE d.refclassid WHEN 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
JOIN pg_roles r ON r.oid = f.proowner
WHERE c.oid = %(oid)s AND {FOREIGN} ORDER BY 1, 2
"""

# tgtype: 1 row, 2 before, 16 update (src/include/catalog/pg_trigger.h)
TRIGGERS = f"""
SELECT t.tgname AS name, (t.tgtype & 3) = 3 AS before_row, (t.tgtype & 16) <> 0 AS fires_on_update,
       t.tgenabled::text AS enabled, t.tgfoid::regprocedure::text AS function, COALESCE(p.prosrc, '') AS body,
       n.nspname AS function_schema, p.proname AS function_name, p.procost::float8 AS function_cost,
       pg_has_role(p.proowner, 'USAGE') AS function_owned, pg_get_userbyid(p.proowner) AS function_owner,
       {FOREIGN_FUNCTIONS} AS foreign_functions,
       l.lanname AS language,
       EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%%') AS function_has_path
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE t.tgrelid = ANY (%(tree)s::oid[]) AND t.tgparentid = 0 AND NOT t.tgisinternal ORDER BY t.tgname, t.tgrelid
"""

PUBLICATIONS = """
SELECT DISTINCT p.pubname, p.puballtables AS every,
       NOT p.puballtables AND NOT EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid
         AND r.prrelid = ANY (%(tree)s::oid[])) AS by_schema
FROM pg_publication_tables t JOIN pg_publication p USING (pubname)
JOIN pg_namespace n ON n.nspname = t.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
WHERE c.oid = ANY (%(tree)s::oid[]) ORDER BY 1
"""

# what executor/execReplication.c asks before an UPDATE, of the table or of its partition: a publication of one of its
# ancestors counts
UNIDENTIFIED = """
SELECT format('%%s.%%s', n.nspname, c.relname) AS name, p.pubname AS publication
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN pg_publication p
WHERE c.oid = ANY (%(tree)s::oid[]) AND c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident <> 'f'
  AND p.pubupdate
  AND EXISTS (
    SELECT FROM pg_publication_tables t JOIN pg_namespace tn ON tn.nspname = t.schemaname
    JOIN pg_class tc ON tc.relnamespace = tn.oid AND tc.relname = t.tablename
    WHERE t.pubname = p.pubname
      AND (tc.oid = c.oid OR tc.oid IN (SELECT relid FROM pg_partition_ancestors(c.oid))))
  AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
      AND (i.indisreplident OR c.relreplident = 'd' AND i.indisprimary))
ORDER BY 1, 2
"""

TAKEN_NAMES = """
SELECT relname FROM pg_class WHERE relnamespace = %(schema)s::regnamespace
UNION SELECT proname FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
UNION SELECT conname FROM pg_constraint WHERE conrelid = ANY (%(tree)s::oid[])
UNION SELECT stxname FROM pg_statistic_ext WHERE stxnamespace = %(schema)s::regnamespace
"""

# the clone, a temporary table in a transaction that is rolled back: PostgreSQL itself renders each definition
# under the new names; LIKE takes ACCESS SHARE on the table, for that transaction
CLONE = "CREATE TEMPORARY TABLE {clone} (LIKE {table}) ON COMMIT DROP"
CLONE_INDEX_TAIL = """
SELECT pg_get_indexdef(i.indexrelid) AS definition,
       format('CREATE %%sINDEX %%I ON %%s%%I.%%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname,
              CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END,
              -- before 15 a definition holds the temporary schema's own name
              CASE WHEN current_setting('server_version_num')::int < 150000
                   THEN tc.relnamespace::regnamespace::text ELSE 'pg_temp' END,
              tc.relname) AS head
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class tc ON tc.oid = i.indrelid
WHERE tc.relnamespace = pg_my_temp_schema() AND c.relname = %(name)s
"""
CLONE_INDEX = """
SELECT ARRAY(SELECT COALESCE(a.attname, '') FROM generate_series(0, i.indnkeyatts - 1) k
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] AND a.attnum > 0
             ORDER BY k)::text[] AS keys,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, k + 1, false)
                    || CASE WHEN i.indcollation[k] IN (0, a.attcollation) THEN ''
                            ELSE (SELECT format(' COLLATE %%I.%%I', n.nspname, co.collname) FROM pg_collation co
                                  JOIN pg_namespace n ON n.oid = co.collnamespace WHERE co.oid = i.indcollation[k]) END
             FROM generate_series(0, i.indnkeyatts - 1) k
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] AND a.attnum > 0
             ORDER BY k)::text[] AS expressions,
       -- those of patterns have the same operator for equality; others may have one of their own
       (SELECT bool_and(o.opcdefault OR o.opcname ~ '_pattern_ops$') FROM pg_opclass o
        WHERE o.oid = ANY (i.indclass)) AS usual,
       pg_get_expr(i.indpred, i.indrelid) AS predicate,
       ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum > 0
             AND (a.attnum = ANY (i.indkey::int2[])
                  OR EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                             AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass
                             AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))
             ORDER BY a.attnum)::text[] AS reads
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(name)s
"""
CLONE_CHECK = """
SELECT pg_get_constraintdef(con.oid) AS definition, pg_get_expr(con.conbin, con.conrelid) AS expression,
       ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)
             ORDER BY a.attnum)::text[] AS reads
FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s AND con.conname = %(name)s
"""
# a table that a foreign key refers to; partitions and inheritance are refused
REFERENCED = """
SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned, c.relpersistence = 'u' AS unlogged,
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid OR (i.inhparent = c.oid AND c.relkind <> 'p'))
         AS inherits,
       has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'REFERENCES') AS may_refer,
       -- as LOCK TABLE asks for it
       NOT EXISTS (SELECT FROM (SELECT c.oid UNION SELECT relid FROM pg_partition_tree(c.oid)) t (oid)
                   WHERE NOT has_table_privilege(t.oid, 'UPDATE, DELETE, TRUNCATE')) AS may_lock
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(%(name)s) AND c.relkind IN ('r', 'p')
"""
CLONE_FOREIGN_KEY = """
SELECT fa.attname AS referenced,
       format_type(a.atttypid, a.atttypmod) AS type, format_type(fa.atttypid, fa.atttypmod) AS referenced_type,
       format('OPERATOR(%%I.%%s)', opn.nspname, o.oprname) AS operator,
       CASE WHEN a.attcollation <> fa.attcollation AND fa.attcollation <> 0
            THEN ARRAY[cn.nspname, co.collname]::text[] END AS collation
FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
CROSS JOIN LATERAL unnest(con.conkey, con.confkey, con.conpfeqop) WITH ORDINALITY k(n, f, op, position)
JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.n
JOIN pg_attribute fa ON fa.attrelid = con.confrelid AND fa.attnum = k.f
JOIN pg_operator o ON o.oid = k.op JOIN pg_namespace opn ON opn.oid = o.oprnamespace
LEFT JOIN pg_collation co ON co.oid = fa.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s AND con.conname = %(name)s
ORDER BY k.position
"""
CLONE_CONSTRAINT = """
SELECT pg_get_constraintdef(con.oid), pg_get_expr(con.conbin, con.conrelid)
FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s AND con.conname = %(name)s
"""
CLONE_STATISTICS = """
SELECT pg_get_statisticsobjdef_columns(s.oid)
FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s AND s.stxname = %(name)s
"""
CLONE_COLUMNS = """
SELECT a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s AND a.attnum > 0 AND NOT a.attisdropped
"""
CLONE_FILE = """
SELECT pg_relation_filenode(c.oid) FROM pg_class c
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s
"""
CLONE_COLUMN = f"""
SELECT format_type(a.atttypid, a.atttypmod) AS type, format_type(a.atttypid, -1) AS bare,
       COALESCE(e.typcategory, t.typcategory)::text AS category, e.oid IS NOT NULL AS array,
       pg_get_expr(d.adbin, d.adrelid) AS default,
       ARRAY(SELECT s.oid::bigint FROM pg_namespace s WHERE s.oid = t.typnamespace AND s.nspname !~ '^pg_') AS schemas,
       t.typcollation <> 0 AS collatable, t.typstorage <> 'p' AS toastable,
       CASE WHEN a.attcollation <> t.typcollation THEN ARRAY[n.nspname, co.collname]::text[] END AS collation,
       EXISTS (WITH RECURSIVE chain AS (
                 SELECT t.* UNION ALL SELECT b.* FROM chain c JOIN pg_type b ON b.oid = c.typbasetype)
               SELECT FROM chain c WHERE c.typtype = 'd' AND (c.typnotnull OR c.typdefault IS NOT NULL
                 OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = c.oid))) AS constrained_domain,{COMPARISON}
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid) LEFT JOIN pg_type e ON e.typarray = b.oid
LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace n ON n.oid = co.collnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s AND a.attname = %(column)s
"""
CLONE_DEFAULT = """
SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s AND a.attname = %(column)s
"""
CLONE_FILES = """
SELECT pg_relation_filenode(c.oid)::bigint AS file,
       CASE WHEN c.oid <> t.oid THEN pg_get_indexdef(c.oid) END AS definition
FROM pg_class t JOIN pg_class c ON c.oid = t.oid OR EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indexrelid = c.oid)
WHERE t.relnamespace = pg_my_temp_schema() AND t.relname = %(clone)s ORDER BY c.relname
"""
CLONE_CONSTRAINTS = """
SELECT con.conname AS name, pg_get_constraintdef(con.oid) AS definition
FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s ORDER BY 1
"""
PARTITION_BOUNDS = """
SELECT p.relname AS name, pg_get_expr(p.relpartbound, p.oid) AS bound
FROM pg_class c JOIN pg_inherits i ON i.inhparent = c.oid JOIN pg_class p ON p.oid = i.inhrelid
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(name)s
"""
PARTITION_KEY = "SELECT pg_get_partkeydef(%(name)s::regclass)"
DRAFT_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       CASE WHEN a.attcollation <> t.typcollation THEN ARRAY[n.nspname, co.collname]::text[] END AS collation,
       a.attnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS default,
       CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' ELSE '' END AS identity
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace n ON n.oid = co.collnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(table)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
DRAFT_REFERENCED_COLUMNS = """
SELECT a.attname FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
CROSS JOIN LATERAL unnest(con.confkey) WITH ORDINALITY k(n, o)
JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.n
WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(table)s AND con.conname = %(name)s ORDER BY k.o
"""
# where a table that is not there yet would be made
SCHEMA_OF_NEW = """
SELECT n.nspname AS name, has_schema_privilege(n.oid, 'CREATE') AS may_create
FROM pg_namespace n WHERE n.nspname = COALESCE(NULLIF(%(schema)s, ''), current_schema())
"""
# a table brings a type of its name
TAKEN_TYPES = "SELECT typname FROM pg_type WHERE typnamespace = %(schema)s::regnamespace AND typcategory <> 'A'"

CLONE_FUNCTION = """
SELECT pg_get_function_sqlbody(p.oid) FROM pg_proc p
WHERE p.pronamespace = pg_my_temp_schema() AND p.proname = %(name)s
"""
CLONE_FUNCTION_READS = """
SELECT DISTINCT a.attnum, a.attname AS name
FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.refobjid AND c.relnamespace = p.pronamespace AND c.relname = %(clone)s
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
WHERE p.pronamespace = pg_my_temp_schema() AND p.proname = %(name)s ORDER BY a.attnum
"""
# what is built in depends on nothing that is recorded, and everybody may use it
CLONE_USES = """
WITH made AS (
  SELECT 'pg_proc'::regclass AS classid, p.oid FROM pg_proc p
  WHERE p.pronamespace = pg_my_temp_schema() AND p.proname = %(name)s
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  WHERE c.relnamespace = pg_my_temp_schema() AND k.conname = %(name)s
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid FROM pg_class c
  WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(name)s
  UNION ALL
  SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
  WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %(clone)s AND a.attname = %(name)s
), used AS (
  SELECT d.refclassid, d.refobjid FROM made m JOIN pg_depend d ON d.classid = m.classid AND d.objid = m.oid
)
SELECT ARRAY(SELECT p.oid::bigint FROM pg_proc p
             WHERE p.oid IN (SELECT refobjid FROM used WHERE refclassid = 'pg_proc'::regclass
                             UNION SELECT o.oprcode::oid FROM used JOIN pg_operator o ON o.oid = refobjid
                             WHERE refclassid = 'pg_operator'::regclass) ORDER BY 1) AS routines,
       ARRAY(SELECT s.oid::bigint FROM pg_namespace s
             WHERE s.nspname !~ '^pg_' AND s.oid IN (
               SELECT pronamespace FROM used JOIN pg_proc p ON refclassid = 'pg_proc'::regclass AND p.oid = refobjid
               UNION SELECT oprnamespace FROM used JOIN pg_operator o
                     ON refclassid = 'pg_operator'::regclass AND o.oid = refobjid
               UNION SELECT typnamespace FROM used JOIN pg_type t
                     ON refclassid = 'pg_type'::regclass AND t.oid = refobjid
               UNION SELECT collnamespace FROM used JOIN pg_collation c
                     ON refclassid = 'pg_collation'::regclass AND c.oid = refobjid) ORDER BY 1) AS schemas
"""
# the trigger acts with the rights of whoever writes, through a view too. Members of pg_write_all_data count, not it
DENIED = """
WITH writer AS (
  SELECT r.oid, r.rolname FROM pg_roles r
  WHERE NOT r.rolsuper AND r.rolname !~ '^pg_' AND EXISTS (
    SELECT FROM pg_class c
    WHERE has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')
      AND (c.oid = %(table)s OR c.relkind = 'v' AND c.oid IN (
        SELECT w.ev_class FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = %(table)s)))
)
SELECT 'EXECUTE ON FUNCTION ' || f.oid::regprocedure AS privilege,
       array_agg(w.rolname::text ORDER BY w.rolname) AS roles
FROM writer w JOIN pg_proc f
  ON f.oid = ANY (%(routines)s::oid[]) AND NOT has_function_privilege(w.oid, f.oid, 'EXECUTE')
GROUP BY 1
UNION ALL
SELECT 'USAGE ON SCHEMA ' || quote_ident(n.nspname), array_agg(w.rolname::text ORDER BY w.rolname)
FROM writer w JOIN pg_namespace n
  ON n.oid = ANY (%(schemas)s::oid[]) AND NOT has_schema_privilege(w.oid, n.oid, 'USAGE')
GROUP BY 1 ORDER BY 1
"""
