/**
 * What is said within SASL OAUTHBEARER (RFC 7628 section 3), in PostgreSQL's form of it.
 * https://www.postgresql.org/docs/current/sasl-authentication.html#SASL-OAUTHBEARER
 */
import { Secret } from '../../../core/model/secret.ts';
import { WireError } from './errors.ts';

export const oauthBearer = 'OAUTHBEARER';

const separator = '\x01';

export interface OauthBearerResponse {
  /** Whom the client wants to be; null when it leaves that to its token. */
  readonly authzid: string | null;
  /** `none`: the client asks where it gets one (section 4.3). `malformed`: it brings something, and no bearer token. */
  readonly bearer: Secret | 'none' | 'malformed';
}

/**
 * The client's initial response: `n,,^Aauth=Bearer TOKEN^A^A`. What is wrong is told without a byte of it.
 * @throws WireError
 */
export function readOauthBearerResponse(response: Buffer): OauthBearerResponse {
  // One character a byte: all but the authzid is ASCII, which the patterns below hold.
  const text = response.toString('latin1');
  const headerEnd = text.indexOf(separator);
  if (headerEnd === -1) throw malformed('has no separator');
  const authzid = readHeader(text.slice(0, headerEnd));
  const auth = readPairs(text.slice(headerEnd + 1)).get('auth');
  if (auth === undefined) throw malformed('has no auth value');
  return { authzid, bearer: readCredentials(auth) };
}

/** RFC 5801 section 4: `n,,` or `n,a=AUTHZID,`. */
function readHeader(header: string): string | null {
  const [binding, authzid, rest, ...more] = header.split(',');
  // `y`: the client could bind to the channel and sees that we do not offer it, which is so.
  if (binding !== 'n' && binding !== 'y') throw malformed('has a channel binding flag other than n and y');
  if (rest !== '' || more.length > 0 || authzid === undefined) throw malformed('has no GS2 header');
  return authzid === '' ? null : readAuthzid(authzid);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readAuthzid(attribute: string): string {
  const name = /^a=((?:[^=\0]|=2C|=3D)+)$/s.exec(attribute)?.[1];
  if (name === undefined) throw malformed('has no valid authorization identity');
  try {
    return utf8.decode(Buffer.from(name, 'latin1')).replaceAll('=2C', ',').replaceAll('=3D', '=');
  } catch (cause) {
    throw new WireError('bad-encoding', 'text is not valid UTF-8', { cause });
  }
}

/** Unknown keys are allowed, and left alone (section 3.1). */
function readPairs(text: string): ReadonlyMap<string, string> {
  const parts = text.split(separator);
  if (parts.pop() !== '' || parts.pop() !== '') throw malformed('is not ended');
  const pairs = new Map<string, string>();
  for (const part of parts) {
    const [, key, value] = /^([A-Za-z]+)=([\t\n\r -~]*)$/.exec(part) ?? [];
    if (key === undefined || value === undefined) throw malformed('has an invalid key or value');
    // Whoever reads the first of two and whoever reads the last would see different tokens.
    if (pairs.has(key)) throw malformed('has a key twice');
    pairs.set(key, value);
  }
  return pairs;
}

/** RFC 6750 section 2.1. */
function readCredentials(auth: string): OauthBearerResponse['bearer'] {
  if (auth === '') return 'none';
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(auth)?.[1];
  return token === undefined ? 'malformed' : new Secret(token);
}

/** Section 3.2.2. `invalid_token` is the one status with which libpq goes on, to a new token or to our error. */
export const oauthBearerFailure = (issuerUrl: string, scope: string): string =>
  JSON.stringify({
    status: 'invalid_token',
    // As PostgreSQL makes it of an issuer, since libpq takes the issuer out of it again, byte by byte.
    'openid-configuration': `${issuerUrl}/.well-known/openid-configuration`,
    scope,
  });

/** The client's answer to a failure (section 3.2.3). */
export const acknowledgesFailure = (response: Buffer): boolean => response.toString('latin1') === separator;

const malformed = (what: string): WireError =>
  new WireError('malformed-message', `the ${oauthBearer} message ${what}`);
