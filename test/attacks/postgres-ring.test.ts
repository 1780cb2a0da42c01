/**
 * The SQL corpus against the ring inside the database alone: no gateway, so no decision and no mask on the wire. A session logs in as
 * the ring's role, as the gateway's sessions do, and sends each attack straight to PostgreSQL.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mask } from '../protocols/postgres/mask/fixtures.ts';
import { install, ringTarget } from '../protocols/postgres/ring/installed.ts';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { type Case, databaseOf, type Mode, modes, prepareCorpus } from './postgres-corpus.ts';
import { RawClient, say } from './raw-client.ts';

// The corpus is our own file; its shape is described in /shared/attacks/README.md.
const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'postgres.json'), 'utf8')) as {
  readonly cases: readonly Case[];
};

const masks = [mask(['app.users.email', 'app.users.ssn', 'app.cards.pan'], 'full')];
const databases = [...new Set(cases.map(databaseOf))];

let server: PostgresServer;
const roles = new Map<string, string>();

beforeAll(async () => {
  server = await startPostgres();
  await prepareCorpus(server, cases);
  for (const database of databases) {
    roles.set(database, await install(ringTarget(server, database, 'app_owner'), masks));
  }
}, 180_000);

afterAll(() => server.stop());

/** All that the server has sent: rows, COPY data, errors, notices. What the attack has changed is undone, as far as it can be. */
async function run(one: Case, mode: Mode, user: string, path: string): Promise<string> {
  const client = await RawClient.connect(server.port);
  const database = databaseOf(one);
  client.send(say.startup({ user, database, search_path: path, ...one.startup_params }));
  await client.until(() => client.closed || client.has('Z'));
  if (client.closed) return '';
  const send = async (...messages: readonly Buffer[]): Promise<void> => {
    if (client.closed) return;
    client.send(...messages);
    await client.until(() => client.closed || client.has('Z') || client.has('G'));
    // During a COPY the server passes over the Sync that came before the data.
    if (client.has('G')) {
      const data = [say.copyData(one.copy_data ?? ''), say.copyDone()];
      await client.exchange(mode !== 'simple' ? [...data, say.sync()] : data);
    }
    kept.push(...client.messages.map(({ body }) => body.toString('latin1')));
    client.messages.length = 0;
  };
  const kept: string[] = [];
  client.messages.length = 0;
  await send(say.query("SET statement_timeout = '5s'; BEGIN"));
  for (const text of one.session_before ?? []) await send(say.query(text));
  await send(...modes[mode](one));
  for (const text of one.session_after ?? []) await send(say.query(text));
  await send(say.query('ROLLBACK'));
  client.end();
  return kept.join('\n');
}

/** Values of masked columns, and what attacks make of them. */
const secrets = [
  '123-45-6789',
  '987-65-4321',
  'alice@corp.example',
  'bob@corp.example',
  '4111111111111111',
  '5500005555500002',
];
const ofMasked = (needle: string): boolean =>
  needle.length >= 6 && !/audit-secret|already|stat_activity|uid=|root:x|api-key|postgres/.test(needle);

/** What the ring cannot keep from its role. */
const known: ReadonlyMap<string, string> = new Map([
  [
    'PG-299',
    'a function lends the rights of its owner, who reads the table: `masking status` warns, and a policy allows it by name or not',
  ],
]);

test.each(['simple', 'extended, in text', 'extended, in binary'] as const)(
  'no value of a masked column comes out of the ring, sent by the protocol that is %s',
  async (mode) => {
    const leaks: string[] = [];
    let leakedToLogin = 0;
    for (const one of cases) {
      if (mode === 'simple' && one.params !== undefined) continue;
      const needles = [
        ...secrets,
        ...(one.expected === 'allow' ? [] : (one.leak_needles ?? []).filter(ofMasked)),
      ];
      const database = databaseOf(one);
      const role = roles.get(database) ?? '';
      // What the attack itself says, the server may say back.
      const said = JSON.stringify([
        one.sql,
        one.params,
        one.copy_data,
        one.session_before,
        one.session_after,
      ]);
      const foundIn = (text: string) =>
        needles.find((needle) => text.includes(needle) && !said.includes(needle));
      const direct = await run(one, mode, 'app_owner', 'app, public, pg_temp');
      if (foundIn(direct) !== undefined) leakedToLogin += 1;
      const found = foundIn(await run(one, mode, role, `"${role}", app, public, pg_temp`));
      if (found !== undefined && !known.has(one.id))
        leaks.push(`${one.id} shows ${found}: ${one.sql.slice(0, 120)}`);
    }
    expect(leaks).toEqual([]);
    // The same attacks by the target's own login: what the ring has stopped.
    expect(leakedToLogin).toBeGreaterThan(60);
  },
  300_000,
);
