import type { CatalogReader } from '../sql/catalog-cache.ts';

/** What the target's login may do with one relation: the most that a ring's role is given. */
export interface RelationRights {
  /** Attribute numbers. */
  readonly select: ReadonlySet<number>;
  readonly insert: ReadonlySet<number>;
  readonly update: ReadonlySet<number>;
  readonly delete: boolean;
  /** Of a sequence. */
  readonly usage: boolean;
}

/** The target's login: its name, its rights, and its settings, which the ring's roles get too. */
export interface Login {
  readonly role: string;
  readonly database: string;
  readonly serverEncoding: string;
  readonly rights: ReadonlyMap<number, RelationRights>;
  /** `statement_timeout=30s` */
  readonly settings: readonly string[];
  /** Functions that run with their owner's rights and that everybody may call. */
  readonly openDefiners: readonly string[];
  /** Functions that it may call, and neither everybody nor a ring's role: `app.total(integer)`, and why. */
  readonly keptFunctions: readonly { readonly name: string; readonly why: string }[];
}

const whoQuery = `SELECT CURRENT_USER, pg_catalog.current_database(), pg_catalog.current_setting('server_encoding')`;

const attributes = (right: string): string =>
  `pg_catalog.string_agg(a.attnum::pg_catalog.text, ' ') FILTER (WHERE pg_catalog.has_column_privilege(c.oid, a.attnum, '${right}'))`;

const rightsQuery = `SELECT c.oid, ${attributes('SELECT')}, ${attributes('INSERT')}, ${attributes('UPDATE')},
    pg_catalog.has_table_privilege(c.oid, 'DELETE'),
    CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'USAGE') ELSE false END
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S') AND c.relpersistence <> 't'
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  GROUP BY c.oid, c.relkind`;

const settingsQuery = `SELECT pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s
    JOIN pg_catalog.pg_roles r ON r.oid = s.setrole AND r.rolname = CURRENT_USER
    LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  WHERE s.setdatabase = 0 OR d.datname = pg_catalog.current_database() ORDER BY s.setdatabase`;

const openDefinersQuery = `SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.prosecdef AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1`;

/** What install-sql.ts gives no ring. */
const keptFunctionsQuery = `SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text,
    CASE WHEN p.prosecdef THEN 'it runs with its owner''s rights' ELSE 'it is written in ' || l.lanname END
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE (p.prosecdef OR l.lanname NOT IN ('sql', 'plpgsql'))
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
    AND NOT pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1`;

/** `reader` is logged in as the target's login. */
export async function readLogin(reader: CatalogReader): Promise<Login> {
  const [who] = await reader.query(whoQuery);
  const rights = await reader.query(rightsQuery);
  const settings = await reader.query(settingsQuery);
  const definers = await reader.query(openDefinersQuery);
  const kept = await reader.query(keptFunctionsQuery);
  return {
    role: who?.[0] ?? '',
    database: who?.[1] ?? '',
    serverEncoding: who?.[2] ?? '',
    rights: new Map(
      rights.map(([oid, select, insert, update, deletes, usage]) => [
        Number(oid),
        {
          select: numbers(select),
          insert: numbers(insert),
          update: numbers(update),
          delete: deletes === 't',
          usage: usage === 't',
        },
      ]),
    ),
    settings: settings.flatMap(([setting]) => setting ?? []),
    openDefiners: definers.flatMap(([name]) => name ?? []),
    keptFunctions: kept.map(([name, why]) => ({ name: name ?? '', why: why ?? '' })),
  };
}

const numbers = (text: string | null | undefined): ReadonlySet<number> =>
  new Set(text === null || text === undefined ? [] : text.split(' ').map(Number));
