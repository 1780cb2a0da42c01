/** The database that is measured against, and the policy that the gateway decides by. */
import { targetPassword } from '../e2e/gateway.ts';
import type { PostgresServer } from '../servers/postgres.ts';

/** As many as pgbench's own accounts at scale 1: a text for each, so that analyses are not all at hand. */
export const accounts = 100_000;
export const bigRows = 200_000;

const schema = `
CREATE ROLE gateway LOGIN PASSWORD '${targetPassword}';
CREATE SCHEMA app AUTHORIZATION gateway;
SET ROLE gateway;
CREATE TABLE app.users (id int PRIMARY KEY, name text, email text, card text);
INSERT INTO app.users VALUES
  (1, 'Ada', 'ada@example.com', '4111 1111 1111 1111'), (2, 'Bo', 'bo@lind.example', '5500 0055 5555 5559'),
  (3, 'Cleo', 'cleo@example.org', NULL);
CREATE TABLE app.accounts (id int PRIMARY KEY, name text);
INSERT INTO app.accounts SELECT n, 'account ' || n FROM generate_series(1, ${accounts}) n;
CREATE TABLE app.big (id int, name text, email text, note text, at timestamptz);
INSERT INTO app.big
  SELECT n, 'name of ' || n, 'user' || n || '@example.com', repeat('some words ', 8), '2026-01-01'
  FROM generate_series(1, ${bigRows}) n;
CREATE TABLE app.guarded (token text);
CREATE TABLE app.ledger (token text);
CREATE TABLE app.forbidden (token text);
RESET ROLE;
VACUUM ANALYZE;
`;

export async function prepareShop(postgres: PostgresServer): Promise<void> {
  const admin = await postgres.connect();
  await admin.query('CREATE DATABASE shop');
  await admin.end();
  const shop = await postgres.connect('shop');
  // One by one: VACUUM runs in no transaction, which several statements in one query are.
  for (const statement of schema.split(/;\n/)) await shop.query(statement);
  await shop.end();
}

export interface PolicyOptions {
  /** In all; those that decide nothing here are on tables that nobody asks for. */
  readonly rules?: number;
  /** Whether values are searched for card numbers, besides the columns that are masked. */
  readonly detect?: boolean;
}

const deciding = [
  '{name: add, effects: [insert, select], tables: [app.ledger], outcome: allow}',
  '{name: guard, effects: [insert], tables: [app.guarded], outcome: hold, approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 9m}}',
  '{name: wait, effects: [call], functions: [pg_catalog.pg_sleep], outcome: allow}',
  // The one that decides most stands last.
  '{name: read, effects: [select], tables: [app.users, app.accounts, app.big], outcome: allow}',
];

export function policyText({ rules = 50, detect = true }: PolicyOptions = {}): string {
  const others = Array.from(
    { length: rules - deciding.length },
    (_, number) =>
      `{name: table-${number}, effects: [select], tables: [app.table_${number}], outcome: allow}`,
  );
  return `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
${[...others, ...deciding].map((rule) => `      - ${rule}\n`).join('')}\
    masks:
      - {fields: [app.users.email, app.big.email], with: email}
      - {fields: [app.users.card], with: last4}
${detect ? '      - {detect: [card], with: last4}\n' : ''}`;
}
