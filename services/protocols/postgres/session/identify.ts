import type { Connection } from '../../../core/checkpoint/contract.ts';
import { IdentityError, type VerifiedCertificate } from '../../../core/model/identity.ts';
import type { Principal } from '../../../core/model/principal.ts';
import type { ListenerOauthSettings } from '../../../core/model/settings.ts';
import { ByteSourceError } from '../../byte-source.ts';
import type { AcceptedConnection, EngineServices } from '../../protocol.ts';
import type { PostgresTarget } from '../target.ts';
import { askForToken, type Presented } from './ask-for-token.ts';
import type { Greeting } from './greeting.ts';
import { refuseLogin } from './login-refused.ts';
import { askedLogin, loginParameter } from './session-parameters.ts';

type Services = EngineServices<PostgresTarget>;

/** A certificate that a rule maps, else a token. @throws LoginRefused, WireError, ByteSourceError, GreetingError */
export async function identify(
  services: Services,
  connection: AcceptedConnection,
  greeting: Greeting,
  parameters: ReadonlyMap<string, string>,
  known: Connection,
): Promise<Principal> {
  const tls = services.tls(connection.listener);
  if (tls?.required && !greeting.encrypted) {
    throw refuseLogin(services, known, 'unauthenticated', {
      message: 'this listener speaks TLS only',
      hint: 'Connect with sslmode=require or stricter.',
    });
  }
  const startedAtMs = services.clock.monotonicMs();
  const verified = (accepted: boolean): void =>
    services.telemetry.identityVerified(services.clock.monotonicMs() - startedAtMs, accepted);
  let presented: Presented | null = null;
  try {
    const certificate = greeting.certificate === null ? null : services.readCertificate(greeting.certificate);
    let principal = fromCertificate(services, certificate);
    if (principal === null) {
      presented = await askForToken(greeting, connection.source, oauthFor(services, known, parameters));
      principal = await fromPresented(services, presented, certificate);
    }
    verified(true);
    return principal;
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    verified(false);
    const reason = error.code === 'expired' ? 'credential-expired' : 'unauthenticated';
    // Counted before the client hears of it: it may hang up on the word.
    const refusal = refuseLogin(services, known, reason, {
      message: error.message,
      hint: presented?.hint ?? 'Connect without the certificate, or with another one.',
    });
    try {
      await presented?.refuse();
    } catch (cause) {
      // pgx has no more to say. It was refused all the same.
      if (!(cause instanceof ByteSourceError)) throw cause;
    }
    throw refusal;
  }
}

function fromCertificate(services: Services, certificate: VerifiedCertificate | null): Principal | null {
  if (certificate === null) return null;
  try {
    return services.identity.fromCertificate(certificate);
  } catch (error) {
    // A certificate that no rule maps may only be the client's habit; it can still bring a token.
    if (error instanceof IdentityError && error.code === 'unmapped-certificate') return null;
    throw error;
  }
}

/** @throws IdentityError */
async function fromPresented(
  services: Services,
  { token, authzid }: Presented,
  certificate: VerifiedCertificate | null,
): Promise<Principal> {
  if (token === null) throw new IdentityError('malformed', 'What the client brought is no bearer token.');
  const principal = await services.identity.fromToken(token, 'access', certificate);
  if (authzid !== null && authzid !== principal.subject) {
    throw new IdentityError(
      'rejected',
      'The token is for somebody else than the client asks to be (authzid).',
    );
  }
  return principal;
}

/** By which words the client is asked for OAUTHBEARER; null: for a password. @throws LoginRefused */
function oauthFor(
  services: Services,
  known: Connection,
  parameters: ReadonlyMap<string, string>,
): ListenerOauthSettings | null {
  const oauth = services.oauth(known.listener);
  const asked = askedLogin(parameters);
  if (asked === null) return oauth?.required ? oauth : null;
  if (asked !== 'oauth' || oauth === null) {
    throw refuseLogin(services, known, 'unsupported', {
      message:
        oauth === null
          ? 'this listener offers no login by OAuth'
          : `${loginParameter} is "oauth", or is left out`,
      hint: 'Leave it out, and give an access token as the password.',
    });
  }
  return oauth;
}
