/**
 * Honest work meets no friction: TPC-H's queries, by an agent that may only read, with three columns masked, give what PostgreSQL itself
 * gives but for those columns.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { TestGateway } from './gateway.ts';
import { queries } from './tpch/queries.ts';

const policy = `\
policies:
  - name: analysts
    principals: [{kinds: [agent]}]
    targets: [shop]
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
    masks:
      - {fields: [app.supplier.s_phone, app.supplier.s_address, app.customer.c_address], with: redact}
`;
const masked = new Set(['s_phone', 's_address', 'c_address']);

let gateway: TestGateway;
let agent: pg.Client;
let admin: pg.Client;

beforeAll(async () => {
  gateway = await TestGateway.start({ policy });
  admin = await gateway.direct();
  await admin.query('DROP SCHEMA app CASCADE; CREATE SCHEMA app; SET search_path = app');
  await admin.query(await readFile(join(import.meta.dirname, 'tpch/schema.sql'), 'utf8'));
  await admin.query(
    'GRANT USAGE ON SCHEMA app TO gateway; GRANT SELECT ON ALL TABLES IN SCHEMA app TO gateway',
  );
  agent = await gateway.connect();
}, 60_000);

afterAll(async () => {
  await Promise.all([agent, admin].map((client) => client?.end()));
  await gateway[Symbol.asyncDispose]();
});

test.each(queries.map((text, at) => [at + 1, text] as const))('query %i', async (_, text) => {
  const direct = await admin.query(text);
  expect(direct.rows.length).toBeGreaterThan(0);
  const through = await agent.query(text);
  expect(through.fields.map(({ name }) => name)).toEqual(direct.fields.map(({ name }) => name));
  const expected = direct.rows.map((row: object) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, masked.has(name) ? '[masked]' : value]),
    ),
  );
  expect(through.rows).toEqual(expected);
});
