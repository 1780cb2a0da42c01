/** The mixed load: each kind of client does one thing over and over, on sessions that come and go. */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { cancel, errorOf, heldBy } from '../../e2e/clients.ts';
import type { TestGateway } from '../../e2e/gateway.ts';
import type { Approver } from '../approver.ts';
import { progress } from '../progress.ts';
import type { Ledger } from './ledger.ts';

export interface Soak {
  readonly gateway: TestGateway;
  readonly ledger: Ledger;
  readonly stopped: AbortSignal;
  /** Whether a process was killed a moment ago, so that clients may see anything. */
  disturbed(): boolean;
  approver(): Approver;
}

type Step = (client: pg.Client, soak: Soak) => Promise<void>;

interface Kind {
  readonly name: string;
  readonly clients: number;
  /** Statements of one session, after which it is closed and another one opened: tokens end after ten minutes. */
  readonly perSession: number;
  readonly step: Step;
}

/** Between two statements of a client: a load that goes on for hours and leaves a trail that can be read at its end. */
const pauseMs = 3;

function same(actual: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
}

async function refused(work: Promise<unknown>, code: string): Promise<void> {
  const error = await errorOf(work);
  if (error.code !== code) throw error;
}

const simple: Step = async (client, { ledger }) => {
  const token = ledger.token();
  await client.query(`INSERT INTO app.ledger VALUES ('${token}')`);
  ledger.acknowledged.add(token);
};

const prepared: Step = async (client, { ledger }) => {
  const token = ledger.token();
  await client.query({ name: 'add', text: 'INSERT INTO app.ledger VALUES ($1)', values: [token] });
  ledger.acknowledged.add(token);
};

const masked: Step = async (client) => {
  const { rows } = await client.query('SELECT email, card FROM app.users WHERE id = 1');
  same(rows, [{ email: 'a***@***.example', card: '****1111' }], 'a masked row');
};

/** A result of some size: half a megabyte, one masked column of three. */
const large: Step = async (client) => {
  const { rows } = await client.query('SELECT id, email, note FROM app.big WHERE id <= 4000');
  if (rows.length !== 4_000 || rows.some(({ email }) => /user|example\.com/.test(email)))
    throw new Error('rows were lost, or not masked');
};

const rolledBack: Step = async (client, { ledger }) => {
  const token = ledger.token();
  await client.query('BEGIN');
  await client.query(`INSERT INTO app.ledger VALUES ('${token}')`);
  await client.query('ROLLBACK');
  ledger.refused.add(token);
};

const denied: Step = async (client, { ledger }) => {
  const token = ledger.token();
  await refused(client.query(`INSERT INTO app.forbidden VALUES ('${token}')`), '42501');
  await refused(client.query('INSERT INTO app.forbidden VALUES ($1)', [token]), '42501');
  ledger.refused.add(token);
};

const cancelled: Step = async (client, { gateway }) => {
  const sleeping = refused(client.query('SELECT pg_sleep(60)'), '57014');
  // A cancel that comes before the statement cancels nothing, as at PostgreSQL itself: so, again.
  const again = setInterval(() => cancel(client, gateway.port), 100);
  await sleeping.finally(() => clearInterval(again));
};

/** Sends nothing for a while, and is still there; unless its connection ends, which shows in the statement. */
const waiting: Step = async (client, soak) => {
  const enough = new AbortController();
  const ended = once(client, 'end', { signal: enough.signal });
  const signal = AbortSignal.any([enough.signal, soak.stopped]);
  await Promise.race([wait(20_000, undefined, { signal }), ended]).catch(() => undefined);
  enough.abort();
  // Whichever lost the race ends by the abort.
  await ended.catch(() => undefined);
  await masked(client, soak);
};

let held = 0;

/** Held, and then what becomes of a hold: mostly approved; also rejected, cancelled, or its client leaves. */
const guarded: Step = async (client, soak) => {
  const { ledger, gateway } = soak;
  const token = ledger.token();
  const statement = client.query(`INSERT INTO app.guarded VALUES ('${token}')`);
  const id = await Promise.race([heldBy(client), statement.then(() => null)]);
  if (id === null) throw new Error(`${token} ran without an approval`);
  held += 1;
  switch (held % 8) {
    case 5:
      await soak.approver().vote(id, 'reject', 'soak');
      await refused(statement, '42501');
      break;
    case 6:
      cancel(client, gateway.port);
      await refused(statement, '57014');
      break;
    case 7:
      // The promise ends with the connection, and its error is that.
      statement.catch(() => undefined);
      await vanish(client);
      break;
    default:
      await soak.approver().vote(id, 'approve', 'soak');
      await statement;
      ledger.acknowledged.add(token);
      return;
  }
  ledger.refused.add(token);
};

/** As a killed client does: without a goodbye. */
async function vanish(client: pg.Client): Promise<void> {
  // The socket is not in the types.
  const { stream } = (client as unknown as { connection: { stream: import('node:net').Socket } }).connection;
  const gone = new Promise((resolve) => client.once('end', resolve));
  stream.destroy();
  await gone;
}

/** One statement a connection; some leave right after they have sent it, and nobody knows then whether it ran. */
const passing: Step = async (client, { ledger }) => {
  const token = ledger.token();
  const statement = client.query(`INSERT INTO app.ledger VALUES ('${token}')`);
  if (Number(token.split('-')[1]) % 3 === 0) {
    statement.catch(() => undefined);
    return vanish(client);
  }
  await statement;
  ledger.acknowledged.add(token);
};

const copiedRows = 50;

/** psql: node-postgres has no COPY. */
const copied: Step = async (_, { gateway, ledger }) => {
  const token = ledger.token(copiedRows);
  const lines = `${token}\n`.repeat(copiedRows);
  const script = `COPY app.ledger FROM STDIN /* ${token} */;\n${lines}\\.\nCOPY app.users (email) TO STDOUT;\n`;
  const { status, stdout, stderr } = await gateway.psql(script, '-q', '-v', 'ON_ERROR_STOP=1').finished;
  if (status !== 0) throw new Error(`psql: ${stderr}`);
  same(stdout.split('\n')[0], 'a***@***.example', 'a masked COPY');
  ledger.acknowledged.add(token);
};

export const kinds: readonly Kind[] = [
  { name: 'simple', clients: 2, perSession: 2_000, step: simple },
  { name: 'prepared', clients: 2, perSession: 2_000, step: prepared },
  { name: 'masked', clients: 2, perSession: 2_000, step: masked },
  { name: 'large result', clients: 1, perSession: 200, step: large },
  { name: 'rolled back', clients: 1, perSession: 500, step: rolledBack },
  { name: 'refused', clients: 1, perSession: 500, step: denied },
  { name: 'held', clients: 4, perSession: 25, step: guarded },
  { name: 'cancelled', clients: 1, perSession: 10, step: cancelled },
  { name: 'COPY', clients: 1, perSession: 1, step: copied },
  { name: 'a connection a statement', clients: 2, perSession: 1, step: passing },
  { name: 'idle', clients: 20, perSession: 10, step: waiting },
];

/** A session of its own agent. Not `gateway.connect`: what ends it must have a listener from the beginning. */
export async function openClient(gateway: TestGateway, subject: string): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: gateway.port,
    database: 'shop',
    user: subject,
    password: gateway.issuer.mint({ sub: subject }),
  });
  // What becomes of the connection shows in the statement that is under way, or in the next one.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs one client of a kind until the soak is stopped. */
export async function runClient(kind: Kind, number: number, soak: Soak): Promise<void> {
  const { gateway, ledger, stopped } = soak;
  const subject = `${kind.name.replaceAll(' ', '-')}-${number}`;
  while (!stopped.aborted) {
    try {
      const client = await openClient(gateway, subject);
      let gone = false;
      client.once('end', () => {
        gone = true;
      });
      try {
        for (let done = 0; done < kind.perSession && !gone && !stopped.aborted; done++) {
          await kind.step(client, soak);
          ledger.count(kind.name);
          await wait(pauseMs);
        }
        if (!gone) {
          await client.end();
          gone = true;
        }
      } finally {
        // What it still waits for would count against the holds that its successor may have.
        if (!gone) await vanish(client);
      }
    } catch (error) {
      if (!soak.disturbed()) {
        ledger.unexpected.push(`${kind.name}: ${describe(error)}`);
        progress(`  ${ledger.unexpected.at(-1)}`);
      }
      // Whoever cannot connect tries again, and not in a busy loop.
      await wait(100);
    }
  }
}

const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? ` (${String(error.code)})` : '';
  return `${error.message}${code}`;
};
