/**
 * The same messages to the gateway and to PostgreSQL itself: what comes back must be the same, message by message. Where policy
 * refuses, it must be as if PostgreSQL had raised an error there.
 */
import { expect } from '@jest/globals';
import type pg from 'pg';
import { type Message, RawClient, say, shortly } from '../../../attacks/raw-client.ts';
import { TestGateway } from '../../../e2e/gateway.ts';

/** Everything that could be harmless is allowed; two things are refused, one when it is parsed and one when it is bound. */
const policy = `\
policies:
  - name: harmless
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: all, effects: ['*'], opaque: [unknown-name], outcome: allow}
      - {name: secret, effects: [select], tables: [app.secret], outcome: deny}
      - {name: bad, effects: [insert], tables: [app.p], parameters: {1: {oneOf: [bad]}}, outcome: deny}
`;

/** Refused by the gateway; PostgreSQL, which knows no such table, refuses the other one at the same point. */
export const refusedText = { gateway: 'SELECT * FROM app.secret', direct: 'SELECT * FROM direct.secret' };

/** What each side is sent; they differ only in what policy refuses and PostgreSQL must. */
export interface Step {
  readonly bytes: Buffer;
  readonly direct?: Buffer;
  /** Where the bytes are cut on their way. */
  readonly cutAt?: number;
  /** Whether what came before is answered before this is sent. */
  readonly pause?: boolean;
  /** For people, when the test fails. */
  readonly what?: string;
}

const theEnd = [say.sync(), say.query('ROLLBACK'), say.query("SELECT 'the end' AS ends, count(*) FROM t")];

/** Policy's, and that of names which are too long. */
const refusals = new Set(['E(42501)', 'E(42622)']);

/**
 * SQLSTATEs with which PostgreSQL stands in for a refusal: names that are not there, a value that is no number, a failed transaction, a
 * portal that is there already (which it sees before the value).
 */
const standIns = new Set([
  'E(42P03)',
  'E(42P01)',
  'E(42P02)',
  'E(42703)',
  'E(22P02)',
  'E(25P02)',
  'E(26000)',
  'E(34000)',
  'E(08P01)',
]);

/**
 * ParameterStatus is left out: the gateway passes on only what drivers read. PostgreSQL says twice why it ends a session that
 * has lost its way in COPY.
 */
const comparable = (messages: readonly Message[]): readonly string[] =>
  messages
    .filter(({ type }) => type !== 'S')
    .map(shortly)
    .filter((text, at, all) => text !== 'E(08P01)' || all[at - 1] !== text);

/** A gateway and the PostgreSQL behind it, with the same tables for each (`app` and `direct`). */
export class BothSides {
  readonly gateway: TestGateway;
  readonly admin: pg.Client;
  /** A session whose round trips give gateway and server time to answer the others: an event, and no guessed time. */
  readonly #clock: RawClient;

  private constructor(gateway: TestGateway, admin: pg.Client, clock: RawClient) {
    this.gateway = gateway;
    this.admin = admin;
    this.#clock = clock;
  }

  static async start(): Promise<BothSides> {
    const gateway = await TestGateway.start({ policy });
    const admin = await gateway.direct();
    for (const schema of ['app', 'direct']) {
      await admin.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
      await admin.query(`CREATE TABLE ${schema}.t (n int CHECK (n < 100))`);
      await admin.query(`CREATE TABLE ${schema}.p (n int)`);
      await admin.query(`CREATE TABLE ${schema}.u (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
      await admin.query(`INSERT INTO ${schema}.u VALUES (1)`);
    }
    await admin.query('CREATE TABLE app.secret (n int)');
    await admin.query('GRANT ALL ON ALL TABLES IN SCHEMA app TO gateway');
    return new BothSides(gateway, admin, await agentOf(gateway));
  }

  /** Both answers to the same conversation must be the same; they are returned. */
  async expectSame(steps: readonly Step[]): Promise<readonly string[]> {
    const [through, past] = await Promise.all([agentOf(this.gateway), this.#pastGateway()]);
    try {
      const [left, right] = await Promise.all([
        this.#converse(through, steps, (step) => step.bytes),
        this.#converse(past, steps, (step) => step.direct ?? step.bytes),
      ]);
      const direct = comparable(right);
      const answers = comparable(left).map((text, at) => {
        const expected = direct[at] ?? '';
        // A failed Query leaves its unnamed portal behind until the transaction ends, which only the server knows.
        if (text === 'E(34000)' && expected === 'E(25P02)') return expected;
        return refusals.has(text) && standIns.has(expected) ? expected : text;
      });
      expect(answers).toEqual(direct);
      return answers;
    } finally {
      through.end();
      past.end();
      await this.admin.query('TRUNCATE app.t, direct.t, app.p, direct.p');
    }
  }

  async stop(): Promise<void> {
    this.#clock.end();
    await this.admin.end();
    await this.gateway[Symbol.asyncDispose]();
  }

  async #pastGateway(): Promise<RawClient> {
    const client = await RawClient.login(this.gateway.postgres.port, {
      user: 'postgres',
      database: 'shop',
      options: '-c search_path=direct,public',
    });
    return client;
  }

  async #converse(
    client: RawClient,
    steps: readonly Step[],
    bytesOf: (step: Step) => Buffer,
  ): Promise<readonly Message[]> {
    for (const step of steps) {
      const bytes = bytesOf(step);
      const cut = (step.cutAt ?? 0) % bytes.length;
      if (step.pause) await this.#roundTrip();
      if (cut > 0) {
        client.send(bytes.subarray(0, cut));
        await this.#roundTrip();
      }
      client.send(bytes.subarray(cut));
    }
    client.send(...theEnd);
    const isLast = ({ type, body }: Message): boolean => type === 'D' && body.includes('the end');
    await client.until(
      () => client.closed || (client.messages.at(-1)?.type === 'Z' && client.messages.some(isLast)),
    );
    return client.messages;
  }

  /** One for each side at a time: their conversations run side by side. */
  #roundTrip(): Promise<unknown> {
    return this.#clock.exchange(say.query('SELECT 1'));
  }
}

export const agentOf = (gateway: TestGateway): Promise<RawClient> =>
  RawClient.login(gateway.port, {
    user: 'agent-7',
    database: 'shop',
    password: gateway.issuer.mint({ kind: 'agent' }),
  });
