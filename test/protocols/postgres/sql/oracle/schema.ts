/**
 * A database whose columns marked `secret` can be given other values, one group at a time, with all else the same. The other value is a
 * one-to-one change: rows that were alike stay alike, since masks do not hide that (PostgreSQL's own GROUP BY shows it).
 */

export interface Secret {
  readonly name: string;
  /** The columns of tables that hold it, as lineage names them. */
  readonly columns: readonly string[];
}

export const secrets: readonly Secret[] = [
  { name: 'ssn', columns: ['app.person.ssn'] },
  { name: 'pay', columns: ['app.person.pay'] },
  { name: 'doc', columns: ['app.person.doc'] },
  { name: 'tags', columns: ['app.person.tags'] },
  { name: 'home', columns: ['app.person.home'] },
  { name: 'span', columns: ['app.person.span'] },
  { name: 'event', columns: ['app.event.ssn'] },
  { name: 'made', columns: ['app.made.raw'] },
  { name: 'kid', columns: ['app.kid.ssn'] },
];

/** Statements that make the database; in it the `changed` secret has its other values. */
export function schemaWith(changed: string | null): readonly string[] {
  const either = (name: string, usual: string, other: string): string => (changed === name ? other : usual);
  const text = (name: string): string =>
    either(name, `'s-' || g || '-aa'`, `CASE g WHEN 3 THEN NULL ELSE 'z' || (g * 7919 % 13) || '--bbb' END`);
  return [
    'CREATE SCHEMA app',
    'CREATE TYPE app.address AS (street text, zip int)',
    'CREATE DOMAIN app.short AS text CHECK (length(VALUE) < 1000)',
    `CREATE TABLE app.person(id int PRIMARY KEY, name app.short, ssn text, pay int, doc jsonb, tags text[], home app.address,
       span int4range, born date)`,
    `INSERT INTO app.person SELECT g, 'n' || g % 4, ${text('ssn')}, ${either('pay', 'g * 100', '7 - g * 31')},
       ${either('doc', `jsonb_build_object('ssn', 'd' || g, 'list', jsonb_build_array(g, g + 1))`, `jsonb_build_object('ssn', g * 5, 'list', '[]'::jsonb, 'more', g)`)},
       ${either('tags', `ARRAY['t' || g, 'u' || g]`, `ARRAY['v' || g * 3, 'w', 'x' || g]`)},
       ROW(${either('home', `'street ' || g, g * 11`, `'road ' || g * 3, 1 - g`)})::app.address,
       ${either('span', 'int4range(g, g + 5)', 'int4range(g - 9, g + 50)')}, date '2020-01-01' + g
     FROM generate_series(1, 6) g`,
    'CREATE TABLE app.visit(id int PRIMARY KEY, person int REFERENCES app.person, place text, cost int, day date)',
    `INSERT INTO app.visit SELECT g, g % 5 + 1, 'p' || g % 3, g * 7, date '2020-01-01' + g % 4 FROM generate_series(1, 8) g`,
    'CREATE TABLE app.event(id int, region text, ssn text, n int) PARTITION BY LIST (region)',
    "CREATE TABLE app.event_a PARTITION OF app.event FOR VALUES IN ('a')",
    "CREATE TABLE app.event_b PARTITION OF app.event FOR VALUES IN ('b') PARTITION BY RANGE (n)",
    'CREATE TABLE app.event_b1 PARTITION OF app.event_b FOR VALUES FROM (0) TO (100)',
    `INSERT INTO app.event SELECT g, CASE g % 2 WHEN 0 THEN 'a' ELSE 'b' END, ${text('event')}, g FROM generate_series(1, 5) g`,
    'CREATE TABLE app.made(id int, raw text, low text GENERATED ALWAYS AS (lower(raw)) STORED)',
    `INSERT INTO app.made SELECT g, ${text('made')} FROM generate_series(1, 3) g`,
    'CREATE TABLE app.base(id int, note text)',
    'CREATE TABLE app.kid(ssn text) INHERITS (app.base)',
    `INSERT INTO app.base VALUES (1, 'a'); INSERT INTO app.kid SELECT g, 'k' || g, ${text('kid')} FROM generate_series(2, 4) g`,
    "CREATE VIEW app.v_code AS SELECT id, ssn AS code, pay * 2 AS twice, name || '!' AS nick FROM app.person WHERE pay > -1000",
    'CREATE VIEW app.v_place AS SELECT c.code, c.twice, v.place, c.id FROM app.v_code c LEFT JOIN app.visit v ON v.person = c.id',
    'CREATE VIEW app.v_union AS SELECT id, code AS mixed FROM app.v_place UNION ALL SELECT id, place FROM app.visit',
    'CREATE VIEW app.v_group AS SELECT place, count(*)::int AS n, max(code) AS top FROM app.v_place GROUP BY place',
    'CREATE VIEW app.v_whole AS SELECT id, p AS whole, to_jsonb(p) AS j FROM app.person p',
    'CREATE VIEW app.v_using AS SELECT * FROM app.person JOIN (SELECT id, place FROM app.visit) v USING (id)',
    `CREATE VIEW app.v_recursive AS WITH RECURSIVE r(id, code, depth) AS (SELECT id, ssn, 1 FROM app.person UNION ALL
       SELECT id, code || '.', depth + 1 FROM r WHERE depth < 2) SELECT id, code, depth FROM r`,
    'CREATE MATERIALIZED VIEW app.m_loud AS SELECT id, upper(ssn) AS loud, pay FROM app.person',
    "CREATE FUNCTION app.all_people() RETURNS SETOF app.person LANGUAGE sql STABLE AS 'SELECT * FROM app.person'",
    "CREATE FUNCTION app.person_of(int) RETURNS app.person LANGUAGE sql STABLE AS 'SELECT * FROM app.person WHERE id = $1'",
    "CREATE FUNCTION app.double(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2'",
    "CREATE FUNCTION app.loud(app.person) RETURNS text LANGUAGE sql STABLE AS 'SELECT upper($1.ssn)'",
    "CREATE FUNCTION app.ssn_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT ssn FROM app.person WHERE id = $1'",
    'SET check_function_bodies = off',
    `CREATE FUNCTION app.listed(most int) RETURNS TABLE (no int, code text, amount int, called text) LANGUAGE sql STABLE
       AS 'SELECT id, ssn, pay * 2, name FROM person WHERE id <= most'`,
    'CREATE FUNCTION app.amount_of(int) RETURNS int RETURN (SELECT app.double(l.amount) FROM app.listed($1) l WHERE l.no = $1)',
    "CREATE FUNCTION app.second(a text, b text DEFAULT app.ssn_of(2)) RETURNS text LANGUAGE sql AS 'SELECT b'",
    "CREATE FUNCTION app.same(a anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT a'",
    "CREATE FUNCTION app.mark(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT 'x' $$",
    "CREATE FUNCTION app.nick(p app.person) RETURNS text LANGUAGE sql STABLE AS 'SELECT p.name'",
    "CREATE FUNCTION app.longest(VARIADIC list text[]) RETURNS text LANGUAGE sql STABLE AS 'SELECT max(x) FROM unnest(list) x'",
    "CREATE FUNCTION app.has_ssn(text) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT 1 FROM app.person WHERE ssn = $1)'",
    "CREATE FUNCTION app.places(int) RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT place FROM app.visit WHERE person = $1 ORDER BY id'",
    "CREATE FUNCTION app.coded(int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT ssn FROM app.person WHERE id = $1); END'",
    "CREATE FUNCTION app.dotted(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 || '.'; END $$",
    'CREATE VIEW app.v_called AS SELECT id, app.ssn_of(id) AS code, app.nick(p) AS nick FROM app.person p',
  ];
}
