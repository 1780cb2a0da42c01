/** A soak is worth what its verdict finds: here each thing that it must find is made to happen. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { heldBy } from '../../e2e/clients.ts';
import { TestGateway } from '../../e2e/gateway.ts';
import { Approver } from '../approver.ts';
import { gatewayOptions } from '../ways.ts';
import { kinds, runClient } from './clients.ts';
import { Ledger } from './ledger.ts';
import { verdictOn } from './verdict.ts';

let gateway: TestGateway;
let direct: pg.Client;

beforeAll(async () => {
  gateway = await TestGateway.start(gatewayOptions());
  direct = await gateway.direct();
}, 60_000);

afterAll(async () => {
  await direct.end();
  await gateway[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await direct.query('TRUNCATE app.ledger, app.guarded, app.forbidden');
});

let tokens = 100_000;
const newToken = (): string => `t-${++tokens}-t`;

const faultsOf = async (ledger: Ledger): Promise<string> =>
  (await verdictOn(gateway, ledger)).faults.join('\n');

/** What the gateway allows, and its client is told of. */
async function added(ledger: Ledger): Promise<string> {
  const token = newToken();
  const client = await gateway.connect();
  await client.query(`INSERT INTO app.ledger VALUES ('${token}')`);
  await client.end();
  ledger.acknowledged.add(token);
  return token;
}

test('every kind of client does what it should, and the verdict finds nothing', async () => {
  const stop = new AbortController();
  const wanted = new Map(kinds.map(({ name }) => [name, name === 'held' ? 8 : name === 'idle' ? 0 : 1]));
  class Counting extends Ledger {
    override count(kind: string): void {
      super.count(kind);
      if ([...wanted].every(([name, count]) => (this.counts.get(name) ?? 0) >= count)) stop.abort();
    }
  }
  const ledger = new Counting();
  const approver = await Approver.logIn(gateway, 'pat');
  const soak = { gateway, ledger, stopped: stop.signal, disturbed: () => false, approver: () => approver };
  const running = kinds.map((kind) => runClient(kind, 0, soak));
  await Promise.all(running);
  while ((await gateway.sessions()).length > 0);
  expect(await faultsOf(ledger)).toBe('');
  expect(ledger.acknowledged.size).toBeGreaterThan(0);
  expect(ledger.refused.size).toBeGreaterThan(0);
}, 60_000);

test('a row that the gateway never allowed', async () => {
  const token = newToken();
  await direct.query('INSERT INTO app.ledger VALUES ($1)', [token]);
  expect(await faultsOf(new Ledger())).toContain(`the trail did not allow: ${token}`);
});

test('a guarded row that nobody approved, though it was held', async () => {
  const token = newToken();
  const client = await gateway.connect();
  const held = heldBy(client);
  const statement = client.query(`INSERT INTO app.guarded VALUES ('${token}')`).catch(() => undefined);
  await held;
  await client.end();
  await statement;
  await direct.query('INSERT INTO app.guarded VALUES ($1)', [token]);
  while ((await gateway.sessions()).length > 0);
  expect(await faultsOf(new Ledger())).toContain(`did not see approved and released: ${token}`);
});

test('a statement that was said to have run, and is lost, or there twice', async () => {
  const ledger = new Ledger();
  const [lost, twice] = [await added(ledger), await added(ledger)];
  await direct.query('DELETE FROM app.ledger WHERE token = $1', [lost]);
  await direct.query('INSERT INTO app.ledger VALUES ($1)', [twice]);
  while ((await gateway.sessions()).length > 0);
  const faults = await faultsOf(ledger);
  expect(faults).toContain(`said to have run are not there: ${lost}`);
  expect(faults).toContain(`in part, or more than once: ${twice}`);
});

test('a statement that was said not to run, and is there; and a refused one', async () => {
  const ledger = new Ledger();
  const token = await added(ledger);
  ledger.acknowledged.delete(token);
  ledger.refused.add(token);
  await direct.query("INSERT INTO app.forbidden VALUES ('t-1-t')");
  while ((await gateway.sessions()).length > 0);
  const faults = await faultsOf(ledger);
  expect(faults).toContain(`said not to run are there: ${token}`);
  expect(faults).toContain('refused rows are in the database: t-1-t');
});

test('an error that a client saw while nothing was killed', async () => {
  const ledger = new Ledger();
  ledger.unexpected.push('simple: Connection terminated', 'simple: Connection terminated');
  expect(await faultsOf(ledger)).toContain('1 kinds of errors (2 in all)');
});
