/** The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) as PostgreSQL speaks them. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Secret } from '../../../core/model/secret.ts';
import { UpstreamError } from './errors.ts';
import { saslprep } from './saslprep.ts';

const deriveKey = promisify(pbkdf2);

/** PostgreSQL's default is 4,096; a server that asks for more than this is trying to keep us busy. */
const maxIterations = 1_000_000;

/** What the login says about channel binding. The server checks it under the proof, so nobody in between can change it. */
export type Binding =
  /** We do none. */
  | { readonly kind: 'none' }
  /** We could, but the server does not offer it. A server that does then refuses: somebody has left its offer out. */
  | { readonly kind: 'not-offered' }
  /** Bound to the server's certificate: the hash of tls-server-end-point. */
  | { readonly kind: 'used'; readonly certificate: Buffer };

/** RFC 5802 section 7; no authorisation identity. */
const gs2Headers = { none: 'n,,', 'not-offered': 'y,,', used: 'p=tls-server-end-point,,' } as const;

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
const xor = (left: Buffer, right: Buffer): Buffer =>
  Buffer.from(left.map((byte, at) => byte ^ (right[at] ?? 0)));

interface Keys {
  readonly client: Buffer;
  readonly server: Buffer;
}

/**
 * Keys by password, salt and iterations: deriving them takes milliseconds, and every session of a target needs the same ones. A
 * server has one salt a role, so one entry a target is enough.
 */
const derived = new WeakMap<Secret, { readonly of: string; readonly keys: Keys }>();

async function keysFor(password: Secret, salt: Buffer, iterations: number): Promise<Keys> {
  const of = `${iterations} ${salt.toString('base64')}`;
  const known = derived.get(password);
  if (known?.of === of) return known.keys;
  const salted = await deriveKey(saslprep(password.reveal()), salt, iterations, 32, 'sha256');
  const keys = { client: hmac(salted, 'Client Key'), server: hmac(salted, 'Server Key') };
  derived.set(password, { of, keys });
  return keys;
}

/** PostgreSQL's default (SCRAM_SHA_256_DEFAULT_ITERATIONS). */
const verifierIterations = 4096;

/** What a server keeps instead of the password, as `CREATE ROLE ... PASSWORD` takes it: the password itself is not sent. */
export async function scramVerifier(password: Secret, salt: Buffer): Promise<string> {
  const { client, server } = await keysFor(password, salt, verifierIterations);
  const [storedKey, serverKey] = [sha256(client), server].map((key) => key.toString('base64'));
  return `SCRAM-SHA-256$${verifierIterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

function attributes(message: string): ReadonlyMap<string, string> {
  return new Map(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

/** One exchange: `first` is sent, the server's answers go into `answer` and `verify`. */
export class ScramExchange {
  readonly first: string;
  readonly #password: Secret;
  readonly #binding: Binding;
  readonly #nonce = randomBytes(18).toString('base64');
  #serverSignature: Buffer | null = null;

  constructor(password: Secret, binding: Binding) {
    this.#password = password;
    this.#binding = binding;
    this.first = `${gs2Headers[binding.kind]}${this.#firstBare}`;
  }

  /** Whether a login by it shows that the server has the key of the certificate that it showed. */
  get bound(): boolean {
    return this.#binding.kind === 'used';
  }

  /** PostgreSQL takes the user's name from the start-up packet, not from here. */
  get #firstBare(): string {
    return `n=,r=${this.#nonce}`;
  }

  /** The header once more, and what the login is bound to. */
  get #channel(): Buffer {
    const header = Buffer.from(gs2Headers[this.#binding.kind]);
    return this.#binding.kind === 'used' ? Buffer.concat([header, this.#binding.certificate]) : header;
  }

  /** The client's final message. @throws UpstreamError */
  async answer(serverFirst: string): Promise<string> {
    const given = attributes(serverFirst);
    const nonce = given.get('r') ?? '';
    const salt = Buffer.from(given.get('s') ?? '', 'base64');
    const iterations = Number(given.get('i'));
    // `m` is an extension that must be understood; RFC 5802 section 5.1 has whoever does not know it fail.
    const sane =
      !given.has('m') &&
      Number.isInteger(iterations) &&
      iterations >= 1 &&
      iterations <= maxIterations &&
      salt.length > 0;
    if (!sane || !nonce.startsWith(this.#nonce) || nonce === this.#nonce) {
      throw new UpstreamError('protocol-violation', "the server's SCRAM challenge is not a valid one");
    }
    const keys = await keysFor(this.#password, salt, iterations);
    const withoutProof = `c=${this.#channel.toString('base64')},r=${nonce}`;
    const authMessage = `${this.#firstBare},${serverFirst},${withoutProof}`;
    this.#serverSignature = hmac(keys.server, authMessage);
    const proof = xor(keys.client, hmac(sha256(keys.client), authMessage));
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** The server must prove that it knows the password too. @throws UpstreamError */
  verify(serverFinal: string): void {
    const signature = Buffer.from(attributes(serverFinal).get('v') ?? '', 'base64');
    const expected = this.#serverSignature;
    if (expected === null || signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new UpstreamError(
        'authentication-not-allowed',
        'the server did not prove that it knows the password: it may not be the server it claims to be',
      );
    }
  }
}
