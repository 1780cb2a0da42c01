/** DO blocks against a real server: whatever a block touches was among its effects, or was told of the functions that it calls. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { type Analyst, TestServer } from './database.ts';
import { Random, times } from './random.ts';

let server: TestServer;
let analyst: Analyst;
let client: pg.Client;

const tables = ['alpha', 'beta', 'gamma', 'delta'] as const;

beforeAll(async () => {
  server = await TestServer.start(['track_functions=all']);
  const database = await server.database([
    'CREATE SCHEMA app; SET search_path TO app',
    ...tables.map((table) => `CREATE TABLE ${table} (id int, note text, x int)`),
    ...tables.map((table) => `INSERT INTO ${table} SELECT n, 'n' || n, n FROM generate_series(1, 5) n`),
    'CREATE TABLE log (what text)',
    `CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO app.log VALUES (TG_TABLE_NAME); RETURN NULL; END $$`,
    'CREATE TRIGGER logs AFTER INSERT ON gamma FOR EACH ROW EXECUTE FUNCTION logs()',
    `CREATE FUNCTION counts(lowest int) RETURNS bigint LANGUAGE plpgsql AS
      $$ DECLARE n bigint; BEGIN SELECT count(*) INTO n FROM app.beta WHERE id >= lowest; RETURN n; END $$`,
    "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2 FROM app.delta LIMIT 1'",
    "CREATE PROCEDURE clears() LANGUAGE plpgsql AS 'BEGIN DELETE FROM app.delta WHERE id > 3; PERFORM app.counts(1); END'",
  ]);
  analyst = await server.analyst(database);
  client = await server.connect(database);
  // What loops within loops takes too long.
  await client.query("SET search_path TO app, public; SET statement_timeout TO '100ms'");
}, 60_000);

afterAll(() => server.stop());

/** Variables are declared with names that columns have, too. */
class RandomBlock {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get text(): string {
    const statements = times(1 + this.#random.below(4), () => this.#statement(2)).join(' ');
    const declared = [
      'x int := 1',
      `y int := ${this.#number(1)}`,
      `note text = ${this.#pick([`'a'`, `(SELECT max(note) FROM ${this.#table()})`, '$q$;BEGIN$q$'])}`,
      `z ${this.#table()}.id%TYPE DEFAULT ${this.#number(1)}`,
      `w ${this.#table()}%ROWTYPE`,
      'r record',
      `c CURSOR (lowest int) FOR SELECT * FROM ${this.#table()} t WHERE t.id > lowest`,
    ];
    return `<<outermost>> DECLARE ${declared.join('; ')}; BEGIN ${statements} END outermost`;
  }

  #pick(items: readonly string[]): string {
    return this.#random.pick(items);
  }

  #table(): string {
    return this.#random.pick(tables);
  }

  #number(depth: number): string {
    if (depth === 0) return this.#pick(['1', 'x', 'outermost.y', 'z']);
    return this.#pick([
      '2',
      `(SELECT max(t.id) FROM ${this.#table()} t)`,
      `counts(${this.#number(depth - 1)})::int`,
      `twice(${this.#number(depth - 1)})`,
      `CASE WHEN ${this.#condition(depth - 1)} THEN 1 ELSE 2 END`,
    ]);
  }

  #condition(depth: number): string {
    if (depth === 0) return this.#pick(['true', 'x > 0', 'note IS NULL']);
    return this.#pick([
      `EXISTS (SELECT FROM ${this.#table()} t WHERE t.id = outermost.x)`,
      `${this.#number(depth - 1)} > 0`,
      `NOT (${this.#condition(depth - 1)})`,
    ]);
  }

  #block(depth: number): string {
    return times(1 + this.#random.below(2), () => this.#statement(depth - 1)).join(' ');
  }

  #statement(depth: number): string {
    const table = this.#table();
    const simple = [
      `PERFORM t.note FROM ${table} t;`,
      `z := ${this.#number(2)};`,
      `y = count(*) FROM ${table};`,
      `INSERT INTO ${table} (id) VALUES (${this.#number(1)});`,
      `UPDATE ${table} SET note = 'n' WHERE id = ${this.#number(1)};`,
      `DELETE FROM ${table} WHERE id = ${this.#number(1)} /* ; END */;`,
      `SELECT * INTO w FROM (SELECT 1, 'n', 2) s; w.note := (SELECT max(t.note) FROM ${table} t);`,
      `EXECUTE 'SELECT id FROM ${table}' INTO z;`,
      `RAISE DEBUG '% %', ${this.#number(1)}, 'x' USING HINT = (SELECT max(t.note) FROM ${table} t);`,
      'CALL clears();',
      `ASSERT ${this.#condition(1)} IS NOT NULL;`,
      'NULL; -- DELETE FROM delta\n',
    ];
    if (depth === 0) return this.#pick(simple);
    return this.#pick([
      ...simple,
      `IF ${this.#condition(2)} THEN ${this.#block(depth)} ELSIF ${this.#condition(1)} THEN ${this.#block(depth)} ELSE ${this.#block(depth)} END IF;`,
      `FOR r IN SELECT t.id, t.note FROM ${table} t LIMIT 2 LOOP ${this.#block(depth)} END LOOP;`,
      `FOR i IN 1 .. LEAST(2, ${this.#number(1)}) LOOP ${this.#block(depth)} EXIT WHEN ${this.#condition(1)}; END LOOP;`,
      `FOR r IN c(${this.#number(1)}) LOOP ${this.#block(depth)} EXIT; END LOOP;`,
      `FOR r IN EXECUTE $e$SELECT * FROM ${table}$e$ LOOP ${this.#block(depth)} EXIT; END LOOP;`,
      `OPEN c(lowest := ${this.#number(1)}); FETCH c INTO r; CLOSE c;`,
      `CASE ${this.#number(1)} WHEN (${this.#number(1)}), 7 THEN ${this.#block(depth)} ELSE ${this.#block(depth)} END CASE;`,
      `DECLARE x text := 'inner'; BEGIN ${this.#block(depth)} EXCEPTION WHEN others THEN ${this.#block(depth)} END;`,
      `DO $inside$ DECLARE x int = 1; y int; z int; BEGIN PERFORM t.id FROM ${table} t; END $inside$;`,
    ]);
  }
}

/** What the server has counted in this transaction. */
async function touchedBy(text: string): Promise<readonly string[] | null> {
  const counted = async (): Promise<ReadonlyMap<string, string>> => {
    const { rows } = await client.query<{ name: string; count: string }>(
      `SELECT schemaname || '.' || relname AS name,
         coalesce(seq_scan, 0) + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del AS count
       FROM pg_stat_xact_user_tables
       UNION ALL SELECT schemaname || '.' || funcname, calls FROM pg_stat_xact_user_functions`,
    );
    return new Map(rows.map(({ name, count }) => [name, count]));
  };
  await client.query('BEGIN');
  try {
    const before = await counted();
    await client.query(text);
    const after = await counted();
    return [...after].filter(([name, count]) => (before.get(name) ?? '0') !== count).map(([name]) => name);
  } catch {
    // A block that fails says nothing: what it did is undone, and so is the count.
    return null;
  } finally {
    await client.query('ROLLBACK');
  }
}

test('whatever a random block reads, writes and calls was known before', async () => {
  let ran = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const text = `DO $do$${new RandomBlock(new Random(seed)).text}$do$`;
      const touched = await touchedBy(text);
      if (touched === null) return;
      ran += 1;
      const { intent } = await analyst.analyse(text);
      expect({ text, opaque: intent.opaque, said: intent.consequences }).toMatchObject({ opaque: [] });
      const known = [...intent.effects.map(({ resource }) => resource), ...intent.consequences].join('\n');
      expect({ text, missing: touched.filter((name) => !known.includes(name)) }).toEqual({
        text,
        missing: [],
      });
    }),
    { numRuns: 60 },
  );
  // Otherwise the test would say nothing.
  expect(ran).toBeGreaterThan(20);
}, 120_000);
