import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { AuditError } from './errors.ts';

/** An Ed25519 key (RFC 8032) that vouches for the trail. */
export interface SigningKey {
  readonly id: string;
  /** SubjectPublicKeyInfo in base64. */
  readonly publicKey: string;
  sign(text: string): string;
}

export interface VerifyingKey {
  readonly id: string;
  readonly publicKey: string;
  verifies(text: string, signature: string): boolean;
}

/** 128 bits of SHA-256 over the SubjectPublicKeyInfo: a name, so that people can compare it. */
const idDigits = 32;

const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const idOf = (spki: Buffer): string => createHash('sha256').update(spki).digest('hex').slice(0, idDigits);

const wanted = 'an Ed25519 key in PEM (openssl genpkey -algorithm ed25519)';

function checked(make: () => KeyObject, what: string): KeyObject {
  let key: KeyObject;
  try {
    key = make();
  } catch (cause) {
    throw new AuditError('bad-key', `${what} is not ${wanted}`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new AuditError('bad-key', `${what} is not ${wanted}`);
  return key;
}

/**
 * `pem` is PKCS#8.
 * @throws AuditError `bad-key`
 */
export function signingKey(pem: string): SigningKey {
  const key = checked(() => createPrivateKey(pem), "the trail's signing key");
  const spki = spkiOf(createPublicKey(key));
  return {
    id: idOf(spki),
    publicKey: spki.toString('base64'),
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64'),
  };
}

const fromPublic = (key: KeyObject): VerifyingKey => {
  const spki = spkiOf(key);
  return {
    id: idOf(spki),
    publicKey: spki.toString('base64'),
    verifies: (text, signature) => verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64')),
  };
};

/** @throws AuditError `bad-key` */
export const publicKeyFromPem = (pem: string): VerifyingKey =>
  fromPublic(checked(() => createPublicKey(pem), 'the public key'));

/** `base64` as a segment's header has it. @throws AuditError `bad-key` */
export const publicKeyFromHeader = (base64: string): VerifyingKey =>
  fromPublic(
    checked(
      () => createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' }),
      'the public key in the header',
    ),
  );

/** An Ed25519 key as PEM (PKCS#8). */
export const newPrivateKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** A header's `publicKey` as PEM: Base64 of these 44 bytes is one line. */
export const publicPem = (base64: string): string =>
  `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`;

/** What a checkpoint signs. A chain's name holds no line feed, so no two checkpoints give the same text. */
export const checkpointText = (chain: string, seq: number, hash: string, at: string): string =>
  `sallyport-trail-checkpoint-1\n${chain}\n${seq}\n${hash}\n${at}`;

/** What a key signs of the one that takes its place. */
export const endorsementText = (publicKey: string): string => `sallyport-trail-key-1\n${publicKey}`;
