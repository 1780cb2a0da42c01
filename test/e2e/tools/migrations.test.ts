/** Migrations by a principal whose policy allows definitions in one schema: as tools send them, and Django's own. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { pythonPackages, startPython } from '../clients/python.ts';
import { errorOf } from '../clients.ts';
import { TestGateway } from '../gateway.ts';

/** The one of docs/policies.md, with what Django asks the catalog. */
const policy = `\
policies:
  - name: migrations
    principals: [{kinds: [agent]}]
    targets: [shop]
    rules:
      - {name: definitions, effects: [create, alter, drop, comment], tables: [app.*], outcome: allow}
      - {name: types, effects: [create, alter, drop], objects: [type, domain], outcome: allow}
      - {name: rows, effects: [select, insert, update, delete], tables: [app.*], outcome: allow}
      - name: made-in-this-transaction
        opaque: [unknown-relation]
        effects: [create, alter, drop, comment, select, insert, update, delete]
        tables: [app.*]
        outcome: allow
      - {name: one-at-a-time, effects: [call], functions: [pg_catalog.pg_*advisory_*], outcome: allow}
      - {name: patience, effects: [set], settings: [lock_timeout, statement_timeout, constraints], outcome: allow}
      - name: look-around
        effects: [select]
        tables: [information_schema.*, pg_catalog.pg_class, pg_catalog.pg_namespace, pg_catalog.pg_att*, pg_catalog.pg_constraint,
          pg_catalog.pg_index, pg_catalog.pg_am, pg_catalog.pg_collation, pg_catalog.pg_type]
        outcome: allow
      - {name: describe, effects: [call], functions: [pg_catalog.pg_get_*, pg_catalog.obj_description, pg_catalog.col_description], outcome: allow}
    masks:
      - {fields: [app.users.email, app.users.card, app.users.salary], with: full}
`;

let gateway: TestGateway;
let client: pg.Client;

beforeAll(async () => {
  [gateway] = await Promise.all([TestGateway.start({ policy }), pythonPackages()]);
  client = await gateway.connect();
}, 180_000);

afterAll(async () => {
  await client.end();
  await gateway[Symbol.asyncDispose]();
});

test.each([
  [
    'in the manner of Rails',
    [
      'SELECT pg_try_advisory_lock(4242)',
      'CREATE TABLE "schema_migrations" ("version" character varying NOT NULL PRIMARY KEY)',
      'CREATE TABLE "ar_internal_metadata" ("key" character varying NOT NULL PRIMARY KEY, "value" character varying, "created_at" timestamp(6) NOT NULL)',
      'BEGIN',
      'CREATE TABLE "articles" ("id" bigserial primary key, "user_id" int NOT NULL, "title" character varying, "created_at" timestamp(6) DEFAULT CURRENT_TIMESTAMP NOT NULL, CONSTRAINT "fk_author" FOREIGN KEY ("user_id") REFERENCES "users" ("id"))',
      'CREATE INDEX "index_articles_on_user_id" ON "articles" ("user_id")',
      'COMMENT ON COLUMN "articles"."title" IS \'As it is shown\'',
      'INSERT INTO "schema_migrations" ("version") VALUES (\'20260101000000\')',
      'COMMIT',
      'SET lock_timeout = 5000',
      'CREATE INDEX CONCURRENTLY IF NOT EXISTS "index_articles_on_title" ON "articles" USING btree (lower("title")) WHERE "title" IS NOT NULL',
      'ALTER TABLE "articles" ADD CONSTRAINT "has_title" CHECK (length("title") > 0) NOT VALID',
      'ALTER TABLE "articles" VALIDATE CONSTRAINT "has_title"',
      'ALTER TABLE "articles" ADD COLUMN "views" int DEFAULT 0 NOT NULL, ALTER COLUMN "title" SET NOT NULL',
      'ALTER TABLE "articles" RENAME COLUMN "views" TO "readers"',
      'DROP INDEX CONCURRENTLY "index_articles_on_title"',
      'SELECT "schema_migrations"."version" FROM "schema_migrations" ORDER BY 1',
      'SELECT pg_advisory_unlock(4242)',
    ],
  ],
  [
    'in the manner of Knex and node-pg-migrate',
    [
      'create table "knex_migrations" ("id" serial primary key, "name" varchar(255), "batch" integer, "migration_time" timestamptz)',
      'create table "knex_migrations_lock" ("index" serial primary key, "is_locked" integer)',
      'insert into "knex_migrations_lock" ("is_locked") values (0)',
      'update "knex_migrations_lock" set "is_locked" = 1 where "is_locked" = 0',
      'BEGIN;',
      'create type "app"."size" as enum (\'small\', \'large\')',
      'create table "app"."boxes" ("id" uuid default gen_random_uuid() primary key, "size" "app"."size", "price" numeric(10, 2) not null default 0, unique ("size", "price"))',
      'alter table "app"."boxes" add column "owner" integer references "app"."users" ("id") on delete set null',
      'insert into "app"."boxes" ("price") values (1), (2)',
      'insert into "knex_migrations" ("batch", "migration_time", "name") values (1, now(), \'one.js\')',
      'COMMIT;',
      'select "name" from "knex_migrations" order by "id" asc',
      'drop table if exists "app"."boxes" cascade',
    ],
  ],
  [
    'in the manner of Alembic',
    [
      'CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))',
      'BEGIN',
      'CREATE TABLE shipments (id SERIAL NOT NULL, carrier VARCHAR, PRIMARY KEY (id))',
      "INSERT INTO alembic_version (version_num) VALUES ('a1') RETURNING alembic_version.version_num",
      'COMMIT',
      'BEGIN',
      'ALTER TABLE shipments ADD COLUMN weight FLOAT',
      'ALTER TABLE shipments ALTER COLUMN carrier TYPE VARCHAR(30)',
      'CREATE UNIQUE INDEX ix_shipments ON shipments (carrier, weight)',
      "UPDATE alembic_version SET version_num='b2' WHERE alembic_version.version_num = 'a1'",
      'COMMIT',
      'SELECT alembic_version.version_num FROM alembic_version',
    ],
  ],
])('%s', async (_, statements) => {
  for (const text of statements) {
    const outcome = await client.query(text).then(
      () => 'done',
      (error: Error) => `${error}`,
    );
    expect({ text, outcome }).toEqual({ text, outcome: 'done' });
  }
});

test('Django’s', async () => {
  const script = await startPython('django_client.py', gateway.libpq(), ['migrate']);
  expect(await script.finished()).toEqual({ applied: 18, groups: ['people'], taken_back: 3 });
}, 60_000);

test('what the rules do not name stays refused, also in a transaction that has made tables', async () => {
  await client.query('BEGIN; CREATE TABLE app.fresh (id int)');
  expect((await errorOf(client.query('ALTER TABLE public.fresh ADD COLUMN b int'))).code).toBe('42501');
  await client.query('ROLLBACK; BEGIN; CREATE TABLE app.fresh (id int)');
  expect((await errorOf(client.query('INSERT INTO app.fresh SELECT length(card) FROM app.users'))).code).toBe(
    '42501',
  );
  await client.query('ROLLBACK');
  expect(
    (await errorOf(client.query('CREATE FUNCTION app.g() RETURNS int LANGUAGE sql AS $$SELECT 1$$'))).code,
  ).toBe('42501');
});
