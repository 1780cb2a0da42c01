import { IdentityError } from '../model/identity.ts';
import type { ClaimObject } from '../model/principal.ts';
import { parseStrictJson, StrictJsonError } from '../model/strict-json.ts';
import { maxNameCharacters, maxTokenCharacters, maxTokenDepth, maxTokenMembers } from './limits.ts';

/** A JWS in compact serialisation (RFC 7515 section 7.1), read but not verified: nothing in it is true yet. */
export interface CompactJws {
  readonly algorithm: string;
  readonly keyId: string | null;
  /** `typ` in lower case without `application/` (RFC 7515 section 4.1.9); null when there is none. */
  readonly type: string | null;
  readonly claims: ClaimObject;
  /** The bytes that the claims were read from and the signature covers. */
  readonly payload: Uint8Array;
}

/**
 * Header parameters with which a token is refused. `crit` asks for extensions and we know none; `b64`, `zip`, `enc`
 * and `cty` change what the payload means; `jwk` is a key that the sender brings along, which no issuer does for
 * a bearer token. `jku`, `x5u` and `x5c` are never read, but not refused: SAP's issuers put `jku` into every token.
 */
const refusedParameters = ['crit', 'b64', 'zip', 'enc', 'cty', 'jwk'] as const;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const malformed = (what: string): IdentityError =>
  new IdentityError('malformed', `This is not a token that the gateway accepts: ${what}.`);

/** @throws IdentityError `malformed`; its message quotes nothing of the token. */
export function parseCompactJws(token: string): CompactJws {
  if (token.length > maxTokenCharacters) {
    throw malformed(`it is longer than ${maxTokenCharacters} characters`);
  }
  const parts = token.split('.', 6);
  if (parts.length === 5) throw malformed('it is encrypted (JWE); send a signed one (JWS)');
  const [headerPart, payloadPart, signaturePart] = parts;
  if (parts.length !== 3 || !headerPart || !payloadPart || signaturePart === undefined) {
    throw malformed('it is not a JWS in compact form (three parts with dots between)');
  }
  if (signaturePart === '') throw malformed('it is not signed');
  decodeBase64url(signaturePart, 'signature');
  const header = parseObject(decodeBase64url(headerPart, 'header'), 'header');
  for (const parameter of refusedParameters) {
    if (Object.hasOwn(header, parameter)) throw malformed(`its header has "${parameter}"`);
  }
  const { alg, kid = null, typ = null } = header;
  if (typeof alg !== 'string') throw malformed('its header names no algorithm (alg)');
  if (kid !== null && (typeof kid !== 'string' || kid.length > maxNameCharacters)) {
    throw malformed('its key id (kid) is not a short string');
  }
  if (typ !== null && typeof typ !== 'string') throw malformed('its type (typ) is not a string');
  const payload = decodeBase64url(payloadPart, 'payload');
  return {
    algorithm: alg,
    keyId: kid,
    type: typ === null ? null : mediaType(typ),
    claims: parseObject(payload, 'payload'),
    payload,
  };
}

const mediaType = (typ: string): string => typ.toLowerCase().replace(/^application\//, '');

/** Only the one spelling that an encoder writes: no padding, no white space, no stray bits in the last character. */
function decodeBase64url(part: string, name: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw malformed(`its ${name} is not canonical base64url`);
  return bytes;
}

function parseObject(bytes: Uint8Array, name: string): ClaimObject {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw malformed(`its ${name} is not UTF-8`);
  }
  try {
    return parseStrictJson(text, { maxMembers: maxTokenMembers, maxDepth: maxTokenDepth });
  } catch (thrown) {
    if (thrown instanceof StrictJsonError) throw malformed(`its ${name} is refused: ${thrown.message}`);
    throw thrown;
  }
}
