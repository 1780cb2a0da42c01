/** The client's side of SCRAM against the server's, written here from RFC 5802. A real server's login is in upstream.test.ts. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Secret } from '../../../../services/core/model/secret.ts';
import { type Binding, ScramExchange } from '../../../../services/protocols/postgres/session/scram.ts';

const none: Binding = { kind: 'none' };

const salt = Buffer.from('a salt of any size');
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** RFC 5802 section 3: what the server has stored for a password, and how it checks a proof and signs. */
class Server {
  readonly #salted: Buffer;
  readonly #iterations: number;
  #first = '';
  #clientFirst = '';

  constructor(password: string, iterations = 4096) {
    this.#salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
    this.#iterations = iterations;
  }

  challenge(clientFirst: string, more = ''): string {
    this.#clientFirst = clientFirst.slice('n,,'.length);
    const nonce = this.#clientFirst.slice('n=,r='.length);
    this.#first = `r=${nonce}server,s=${salt.toString('base64')},i=${this.#iterations}${more}`;
    return this.#first;
  }

  /** The final message, or null when the proof is wrong. */
  check(clientFinal: string): string | null {
    const [withoutProof = '', proof = ''] = clientFinal.split(',p=');
    const authMessage = `${this.#clientFirst},${this.#first},${withoutProof}`;
    const clientKey = hmac(this.#salted, 'Client Key');
    const storedKey = createHash('sha256').update(clientKey).digest();
    const signature = hmac(storedKey, authMessage);
    const shown = Buffer.from(proof, 'base64').map((byte, at) => byte ^ (signature[at] ?? 0));
    if (!createHash('sha256').update(shown).digest().equals(storedKey)) return null;
    return `v=${hmac(hmac(this.#salted, 'Server Key'), authMessage).toString('base64')}`;
  }
}

/** Whether server and client have come to believe each other. */
async function login(stored: string, password: Secret, iterations?: number): Promise<string> {
  const server = new Server(stored, iterations);
  const client = new ScramExchange(password, none);
  const final = server.check(await client.answer(server.challenge(client.first)));
  if (final === null) return 'refused';
  client.verify(final);
  return 'in';
}

test('who knows the password gets in, and nobody else', async () => {
  expect(await login('secret', new Secret('secret'))).toBe('in');
  expect(await login('secret', new Secret('Secret'))).toBe('refused');
  expect(await login('', new Secret(''))).toBe('in');
  expect(await login('secret', new Secret('secret'), 1)).toBe('in');
});

test('keys are kept by password, salt and iterations, so a new password counts at once', async () => {
  const password = new Secret('secret');
  expect(await login('secret', password)).toBe('in');
  expect(await login('secret', password)).toBe('in');
  expect(await login('secret', password, 5000)).toBe('in');
  expect(await login('other', password)).toBe('refused');
  expect(await login('other', new Secret('other'))).toBe('in');
});

describe('channel binding', () => {
  const certificate = createHash('sha256').update('a certificate').digest();
  test.each<[Binding, string, Buffer]>([
    [none, 'n,,', Buffer.alloc(0)],
    [{ kind: 'not-offered' }, 'y,,', Buffer.alloc(0)],
    [{ kind: 'used', certificate }, 'p=tls-server-end-point,,', certificate],
  ])('$kind', async (binding, header, data) => {
    const server = new Server('secret');
    const client = new ScramExchange(new Secret('secret'), binding);
    expect(client.first.startsWith(`${header}n=,r=`)).toBe(true);
    expect(client.bound).toBe(binding.kind === 'used');
    // What the server takes for the header is what it has seen in the first message.
    const final = await client.answer(server.challenge(`n,,${client.first.slice(header.length)}`));
    const channel = Buffer.concat([Buffer.from(header), data]).toString('base64');
    expect(final.startsWith(`c=${channel},r=`)).toBe(true);
    client.verify(server.check(final) ?? 'refused');
  });
});

test('no two exchanges begin alike', () => {
  const firsts = Array.from({ length: 50 }, () => new ScramExchange(new Secret('x'), none).first);
  expect(new Set(firsts).size).toBe(50);
  for (const first of firsts) expect(first).toMatch(/^n,,n=,r=[A-Za-z0-9+/]{24}$/);
});

describe('a challenge that is not a valid one ends the login', () => {
  const good = (client: ScramExchange): string => new Server('x').challenge(client.first);
  test.each<[string, (challenge: string) => string]>([
    ['another nonce', (challenge) => challenge.replace(/r=[^,]*/, 'r=somebody-elses-nonce')],
    ['a nonce that the server has added nothing to', (challenge) => challenge.replace('server,', ',')],
    ['no nonce', (challenge) => challenge.replace(/r=[^,]*,/, '')],
    ['no salt', (challenge) => challenge.replace(/s=[^,]*/, 's=')],
    ['no iterations', (challenge) => challenge.replace(/,i=.*/, '')],
    ['no number of iterations', (challenge) => challenge.replace(/i=.*/, 'i=many')],
    ['half an iteration', (challenge) => challenge.replace(/i=.*/, 'i=4096.5')],
    ['no iteration', (challenge) => challenge.replace(/i=.*/, 'i=0')],
    ['iterations to keep us busy', (challenge) => challenge.replace(/i=.*/, 'i=1000001')],
    ['an extension that must be understood', (challenge) => `m=new,${challenge}`],
    ['nothing', () => ''],
  ])('%s', async (_, change) => {
    const client = new ScramExchange(new Secret('x'), none);
    await expect(client.answer(change(good(client)))).rejects.toMatchObject({ code: 'protocol-violation' });
  });
});

describe('a server that does not prove that it knows the password is not believed', () => {
  test.each<[string, (final: string) => string]>([
    ['another signature', (final) => final.replace(/v=../, 'v=AA')],
    ['a short one', (final) => final.slice(0, -8)],
    ['none', () => 'v='],
    ['an error', () => 'e=other-error'],
    ['nothing', () => ''],
  ])('%s', async (_, change) => {
    const server = new Server('x');
    const client = new ScramExchange(new Secret('x'), none);
    const final = server.check(await client.answer(server.challenge(client.first)));
    if (final === null) throw new Error('the proof is right');
    const changed = change(final);
    expect(() => client.verify(changed)).toThrow(
      expect.objectContaining({ code: 'authentication-not-allowed' }),
    );
    client.verify(final);
  });

  test('nor one that skips the challenge', () => {
    const client = new ScramExchange(new Secret('x'), none);
    expect(() => client.verify('v=')).toThrow(
      expect.objectContaining({ code: 'authentication-not-allowed' }),
    );
  });
});
