/** What hostile clients say where SASL OAUTHBEARER is spoken: through Envoy, to the whole gateway. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maxPasswordBytes } from '../../services/protocols/postgres/wire/limits.ts';
import { TestGateway } from '../e2e/gateway.ts';
import { frame, int32, type Message, RawClient, say } from './raw-client.ts';

const failures = 6;
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start({
    listener: ['oauth: {issuer: test, scope: openid, required: true}'],
    identity: [`lockout: {failures: ${failures}, window: 15m, lock: 15m}`],
  });
}, 60_000);

afterAll(() => gateway[Symbol.asyncDispose]());

const startup = say.startup({ user: 'agent-7', database: 'shop' });
const bearer = (token: string): string => `n,,\x01auth=Bearer ${token}\x01\x01`;
const initial = (response: string | Buffer | null, mechanism = 'OAUTHBEARER'): Buffer => {
  if (response === null) return frame('p', mechanism, int32(-1));
  const bytes = Buffer.from(response);
  return frame('p', mechanism, int32(bytes.length), bytes);
};
const response = (text: string): Buffer => frame('p', Buffer.from(text));
const acknowledged = response('\x01');
const good = (): Buffer => initial(bearer(gateway.issuer.mint()));
const bad = (): Buffer => initial(bearer(gateway.issuer.mint({ aud: 'https://other.example' })));
const discovery = initial('n,,\x01auth=\x01\x01');
const query = say.query('SELECT email FROM app.users WHERE id = 1');

/** A client that has been asked for its token. */
async function asked(): Promise<RawClient> {
  const client = await RawClient.connect(gateway.port);
  client.send(startup);
  await client.until(() => client.closed || client.has('R'));
  expect(client.received.toString('latin1')).toBe('R\0\0\0\x15\0\0\0\x0aOAUTHBEARER\0\0');
  return client;
}

/** The types of the gateway's messages, and what its error says; after that it is closed. */
async function outcome(client: RawClient): Promise<string> {
  await client.until(() => client.closed || client.has('Z'));
  if (client.has('Z')) {
    client.end();
    return 'let in';
  }
  return `${client.messages.map(typeOf).join(' ')}: ${client.lastError()}`;
}

/** Authentication messages by their codes: `R10` asks, `R11` goes on. */
const typeOf = ({ type, body }: Message): string => (type === 'R' ? `R${body.readInt32BE(0)}` : type);

/** A good login: what was sent before harmed nobody, and the count of failed logins begins anew. */
async function logIn(): Promise<void> {
  const client = await asked();
  client.send(good());
  expect(await outcome(client)).toBe('let in');
}

afterEach(() => (locked ? undefined : logIn()));
let locked = false;

test('a login, split anywhere', async () => {
  const bytes = good();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 4 }), async (cuts) => {
      const client = await asked();
      const ends = [...cuts.toSorted((left, right) => left - right), bytes.length];
      for (const [index, end] of ends.entries()) {
        client.send(bytes.subarray(ends[index - 1] ?? 0, end));
        await new Promise(setImmediate);
      }
      expect(await outcome(client)).toBe('let in');
    }),
    { numRuns: 8 },
  );
});

test('what stands behind a good token is the session’s, and what stands behind a bad one is nobody’s', async () => {
  const client = await asked();
  client.send(good(), query);
  await client.ready(2);
  expect(client.received.toString('latin1')).toContain('a***@***.example');
  client.end();

  const refused = await asked();
  refused.send(bad(), query, good(), query);
  expect(await outcome(refused)).toBe('R10 R11 E: 08P01 the answer to the question for a token is not one');
});

test('the initial response may come when it is asked for', async () => {
  const client = await asked();
  client.send(initial(null));
  await client.until(() => client.closed || client.messages.length === 2);
  expect(client.messages.map(typeOf)).toEqual(['R10', 'R11']);
  client.send(response(bearer(gateway.issuer.mint())));
  expect(await outcome(client)).toBe('let in');
});

describe('the protocol is broken', () => {
  const violation = 'the answer to the question for a token is not one';
  test.each<[string, readonly (() => Buffer)[], string]>([
    ['by another mechanism', [() => initial('n,,n=,r=x', 'SCRAM-SHA-256')], 'that was not offered'],
    ['by a mechanism in small letters', [() => initial(bearer('x'), 'oauthbearer')], 'that was not offered'],
    ['by a password', [() => say.password(gateway.issuer.mint())], 'do not fill it'],
    ['by a query', [() => query], violation],
    ['by Terminate', [() => say.terminate()], violation],
    ['by a message over the limit', [() => sized('p', maxPasswordBytes + 1)], violation],
    ['by a message of 2 GiB', [() => sized('p', 0x7fff_ffff)], violation],
    ['by a length of 0', [() => sized('p', 0)], violation],
    ['by a length within that is too long', [() => frame('p', 'OAUTHBEARER', int32(99))], 'do not fill it'],
    ['by a negative length within', [() => frame('p', 'OAUTHBEARER', int32(-2))], 'do not fill it'],
    [
      'by the answer to a failure, before there is one',
      [() => initial('\x01')],
      'has a channel binding flag',
    ],
    ['by an empty response', [() => initial('')], 'has no separator'],
    [
      'by channel binding',
      [() => initial(`p=tls-exporter,,${bearer('x').slice(3)}`)],
      'channel binding flag',
    ],
    ['by two tokens', [() => initial('n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01')], 'has a key twice'],
    ['by no end', [() => initial('n,,\x01auth=Bearer secret-token')], 'is not ended'],
    ['by no response when asked for it', [() => initial(null), () => response('')], 'has no separator'],
    ['by another mechanism’s second message', [() => initial(null), () => initial(bearer('x'))], 'flag'],
  ])('%s', async (_, says, why) => {
    const client = await asked();
    for (const [index, each] of says.entries()) {
      await client.until(() => client.closed || client.messages.length > index);
      client.send(each());
    }
    const answer = await outcome(client);
    expect(answer).toMatch(/E: 08P01 /);
    expect(answer).toContain(why);
    expect(client.received.toString('latin1')).not.toContain('secret-token');
  });

  test('by a token before the question', async () => {
    const client = await RawClient.connect(gateway.port);
    client.send(Buffer.concat([startup, good()]));
    expect(await outcome(client)).toBe('E: 08P01 bytes came before the gateway had asked who is speaking');
  });

  test.each([
    ['nothing', () => response('')],
    ['two separators', () => response('\x01\x01')],
    ['a good token', () => response(bearer(gateway.issuer.mint()))],
    ['another beginning', good],
    ['a longer message', () => sized('p', maxPasswordBytes + 1)],
    ['a query', () => query],
  ])('by %s where a failure is to be acknowledged', async (_, says) => {
    for (const first of [bad(), discovery]) {
      const client = await asked();
      client.send(first);
      await client.until(() => client.closed || client.messages.length === 2);
      client.send(says(), query);
      expect(await outcome(client)).toMatch(/^R10 R11 E: 08P01 /);
    }
  });

  test('by half a message', async () => {
    const client = await asked();
    client.send(good().subarray(0, -1));
    client.end();
    const waiting = await asked();
    waiting.send(bad());
    await waiting.until(() => waiting.messages.length === 2);
    waiting.end();
  });
});

describe('the authorization identity', () => {
  const as = (name: string): Buffer =>
    initial(`n,a=${name},\x01auth=Bearer ${gateway.issuer.mint()}\x01\x01`);

  test.each(['admin', 'agent-70', 'Agent-7', 'agent-7=2C', 'agent-7 '])(
    '%j is not whose token it is',
    async (name) => {
      const client = await asked();
      client.send(as(name), acknowledged);
      expect(await outcome(client)).toBe(
        'R10 R11 E: 28P01 The token is for somebody else than the client asks to be (authzid).',
      );
    },
  );

  test('may be whose token it is', async () => {
    const client = await asked();
    client.send(as('agent-7'));
    expect(await outcome(client)).toBe('let in');
  });
});

test('the largest message there may be is a token that is refused, not a fault', async () => {
  const token = 'a'.repeat(maxPasswordBytes - 5 - 12 - 4 - bearer('').length);
  const largest = initial(bearer(token));
  expect(largest).toHaveLength(maxPasswordBytes);
  const client = await asked();
  client.send(largest, acknowledged);
  expect(await outcome(client)).toMatch(/^R10 R11 E: 28P01 /);
});

test('whoever asks for the issuer is told, however often, and is not locked out', async () => {
  const answers = await Promise.all(
    Array.from({ length: 4 * failures }, async () => {
      const client = await asked();
      client.send(discovery);
      await client.until(() => client.closed || client.messages.length === 2);
      const told = client.messages[1]?.body.toString('utf8', 4);
      client.send(acknowledged);
      return { told: JSON.parse(told ?? ''), end: await outcome(client) };
    }),
  );
  for (const { told, end } of answers) {
    expect(told).toEqual({
      status: 'invalid_token',
      'openid-configuration': `${gateway.issuer.url}/.well-known/openid-configuration`,
      scope: 'openid',
    });
    expect(end).toBe(
      `R10 R11 E: 28000 no token was brought; get one from ${gateway.issuer.url} and connect again`,
    );
  }
});

test('a bad token counts, also when its client hangs up on the answer; then the door is shut', async () => {
  for (let count = 0; count < failures; count++) {
    const client = await asked();
    client.send(bad());
    const { localPort } = client.socket;
    await client.until(() => client.closed || client.messages.length === 2);
    client.end();
    await gateway.up.untilError(new RegExp(`127\\.0\\.0\\.1:${localPort}"[^\n]*a connection was refused`));
  }
  locked = true;
  const client = await RawClient.connect(gateway.port);
  client.send(startup);
  await client.until(() => client.closed);
  expect(client.received).toHaveLength(0);
});

/** A header alone that claims so many bytes, type byte included. */
function sized(type: string, bytes: number): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeUInt32BE(Math.max(0, bytes - 1), 1);
  return header;
}
