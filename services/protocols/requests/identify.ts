import type { Connection } from '../../core/checkpoint/contract.ts';
import { isLoopback } from '../../core/model/address.ts';
import type { Deny, Reason } from '../../core/model/decision.ts';
import { IdentityError, type VerifiedCertificate } from '../../core/model/identity.ts';
import type { Principal } from '../../core/model/principal.ts';
import { Secret } from '../../core/model/secret.ts';
import type { EngineServices } from '../protocol.ts';
import type { ArrivedRequest } from '../request.ts';
import { maxAuthorizationCharacters } from './limits.ts';
import type { RequestTarget } from './target.ts';

type Services = Pick<
  EngineServices<RequestTarget>,
  'identity' | 'checkpoint' | 'telemetry' | 'clock' | 'tls' | 'readCertificate'
>;

const deny = (reason: Reason, message: string, hint: string): Deny => ({
  kind: 'deny',
  rule: null,
  reason,
  message: `Refused: ${message}`,
  hint,
});

const tokenHint =
  'Send a fresh access token of your issuer as "Authorization: Bearer TOKEN", or as the password of Basic authentication.';

/** Nobody was named, so nobody has failed: most tools that know Basic alone ask so before they send it. */
const tokenWanted = deny('unauthenticated', 'it is not known who asks.', tokenHint);

/** A token, where one was sent, else a certificate that a rule maps. */
export async function identify(services: Services, request: ArrivedRequest): Promise<Principal | Deny> {
  const { checkpoint, clock, telemetry, tls, readCertificate, identity } = services;
  const { listener, source, certificate: peer } = request;
  const known: Connection = { source, listener, principal: null, target: request.route?.target ?? null };
  const startedAtMs = clock.monotonicMs();
  try {
    const certificate = peer === null ? null : readCertificate(peer);
    const sent = request.headers.filter(({ name }) => name === 'authorization').map(({ value }) => value);
    if (sent.length === 0) return fromCertificate(identity, certificate) ?? tokenWanted;
    if (tls(listener) === null && !isLoopback(source)) {
      return deny(
        'unauthenticated',
        'a token is taken only over TLS.',
        'Fetch another token: this one was sent in clear.',
      );
    }
    const token = sent.length === 1 ? tokenIn(sent[0] ?? '') : null;
    if (token === null) throw new IdentityError('malformed', 'What the client sent is no one bearer token.');
    const principal = await identity.fromToken(token, 'access', certificate);
    telemetry.identityVerified(clock.monotonicMs() - startedAtMs, true);
    return principal;
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    telemetry.identityVerified(clock.monotonicMs() - startedAtMs, false);
    const reason = error.code === 'expired' ? 'credential-expired' : 'unauthenticated';
    checkpoint.loginRefused(known, reason, error.message);
    return deny(reason, error.message, tokenHint);
  }
}

function fromCertificate(
  identity: Services['identity'],
  certificate: VerifiedCertificate | null,
): Principal | null {
  if (certificate === null) return null;
  try {
    return identity.fromCertificate(certificate);
  } catch (error) {
    // A certificate that no rule maps may only be the client's habit; it can still bring a token.
    if (error instanceof IdentityError && error.code === 'unmapped-certificate') return null;
    throw error;
  }
}

/** One `Bearer` or `Basic` (RFC 6750 section 2.1, RFC 7617). Envoy joins several headers with commas, which neither has. */
function tokenIn(authorization: string): Secret | null {
  if (authorization.length > maxAuthorizationCharacters) return null;
  const { scheme = '', credentials = '' } =
    /^(?<scheme>[A-Za-z]+) +(?<credentials>[A-Za-z0-9\-._~+/]+=*)$/.exec(authorization)?.groups ?? {};
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return new Secret(credentials);
    case 'basic': {
      const pair = Buffer.from(credentials, 'base64').toString('utf8');
      const colon = pair.indexOf(':');
      return colon < 0 || pair.length === colon + 1 ? null : new Secret(pair.slice(colon + 1));
    }
    default:
      return null;
  }
}
