import { isIP } from 'node:net';
import { z } from 'zod';
import { isLoopback } from '../../model/address.ts';
import { principalKinds } from '../../model/principal.ts';
import type {
  CertificateRule,
  ClaimMapping,
  IdentitySettings,
  IssuerSettings,
} from '../../model/settings.ts';
import { defaults } from '../defaults.ts';
import type { ConfigParts } from '../parts.ts';
import { certificates, checked, orNull, text } from './pieces.ts';
import { principalPattern } from './principal-pattern.ts';

/** What `core/identity` verifies: signatures by a private key that the gateway does not have. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

export function identitySchema(parts: ConfigParts) {
  return z
    .strictObject({
      issuers: z
        .array(issuerSchema(parts))
        .default([])
        .meta({ description: 'OpenID Connect issuers whose tokens are trusted' }),
      certificates: z
        .array(certificateRule)
        .default([])
        .meta({
          description:
            'Which principal a client certificate stands for, once a listener’s `clientCa` has vouched for it; the ' +
            'first rule that matches decides',
        }),
      disabled: z.array(principalPattern).default([]).meta({
        description: 'Principals that are refused, and whose sessions end when this file is reloaded',
      }),
      lockout: lockoutSchema(parts).prefault({}),
      credentialGrace: parts.duration
        .prefault(defaults.credentialGrace)
        .meta({ description: 'How long a session may go on after its token or certificate has expired' }),
    })
    .transform(
      ({ credentialGrace, ...identity }): IdentitySettings => ({
        ...identity,
        credentialGraceMs: credentialGrace,
      }),
    )
    .meta({ description: 'Who may speak: issuers of tokens, and client certificates' });
}

const issuerSchema = (parts: ConfigParts) =>
  z
    .strictObject({
      name: text.meta({ description: 'Names the issuer in logs and messages', examples: ['company'] }),
      url: checked(text, issuerFault).meta({
        description: 'The exact `iss` of its tokens, and the base of OpenID Connect discovery',
        examples: ['https://login.example.com'],
      }),
      audience: text.meta({
        description: 'The exact `aud` of tokens that open sessions to targets',
        examples: ['sallyport'],
      }),
      consoleAudience: orNull(
        text.meta({
          description:
            'The exact `aud` of tokens with which people approve and look at sessions; it must be another than ' +
            '`audience`. Without it, nobody approves by this issuer',
          examples: ['sallyport-console'],
        }),
      ),
      algorithms: z
        .array(z.enum(algorithms))
        .min(1)
        .default([...defaults.algorithms])
        .meta({ description: 'JWS algorithms that its tokens may be signed with', examples: [['ES256']] }),
      tokenTypes: z
        .array(text.regex(/^[a-z0-9.+-]+$/, { error: 'must be in lower case, without "application/"' }))
        .min(1)
        .default([...defaults.tokenTypes])
        .meta({ description: 'Values of `typ` that its tokens may have', examples: [['at+jwt']] }),
      clockTolerance: parts.duration
        .refine((ms) => ms <= 60_000, {
          error: 'must be at most 1m: clocks that are further apart are to be mended',
        })
        .prefault(defaults.clockTolerance)
        .meta({ description: 'How far its clock may be from ours' }),
      maxTokenAge: parts.duration
        .refine((ms) => ms > 0, { error: 'must be more than 0' })
        .prefault(defaults.maxTokenAge)
        .meta({ description: 'Longest time between `iat` and `exp` of a token' }),
      requiredClaims: z
        .array(text)
        .default([])
        .meta({
          description: 'Claims that a token must have, beside iss, sub, aud, exp and iat',
          examples: [['email', 'jti']],
        }),
      claims: claimsSchema.prefault({}),
      jwksUrl: orNull(
        checked(text, keysFault).meta({
          description: 'Where its keys are; found by discovery, when it is not given',
          examples: ['https://login.example.com/keys'],
        }),
      ),
      loginClientId: orNull(
        text.meta({
          description:
            'OAuth client of `sallyport login` (device grant); no login by this issuer, when it is not given',
          examples: ['sallyport-cli'],
        }),
      ),
      ca: orNull(
        certificates(parts).meta({
          description: 'PEM file of CAs for this issuer’s TLS, beside those of the system',
        }),
      ),
    })
    .transform(
      ({ clockTolerance, maxTokenAge, ...issuer }): IssuerSettings => ({
        ...issuer,
        clockToleranceMs: clockTolerance,
        maxTokenAgeMs: maxTokenAge,
      }),
    );

const claimsSchema = z
  .strictObject({
    subject: text
      .default(defaults.subjectClaim)
      .meta({ description: 'Claim that says who it is; dots reach into objects', examples: ['email'] }),
    groups: text
      .default(defaults.groupsClaim)
      .meta({ description: 'Claim with the list of groups', examples: ['realm_access.roles'] }),
    kind: orNull(
      text.meta({
        description: `Claim that says what kind of principal it is: ${principalKinds.join(', ')}`,
        examples: ['sallyport_kind'],
      }),
    ),
    defaultKind: z
      .enum(principalKinds)
      .default(defaults.kind)
      .meta({ description: 'Kind of principal for tokens without that claim', examples: ['person'] }),
  })
  .transform((claims): ClaimMapping => claims)
  .meta({ description: 'Which claims of a token say what' });

const placeholders = /\{(?!(?:commonName|alternativeName)\})[^}]*\}?/;

const certificateRule = z
  .strictObject({
    name: text.meta({ description: 'Names the rule in logs and messages', examples: ['build-agents'] }),
    commonName: orNull(
      text.meta({
        description: 'Pattern of the certificate’s common name; * is any run of characters',
        examples: ['agent-*'],
      }),
    ),
    alternativeName: orNull(
      text
        .regex(/^(?:DNS|URI|email|IP):./, {
          error: 'must begin with the kind of name: DNS:, URI:, email: or IP:',
        })
        .meta({
          description:
            'Pattern of one of its subject alternative names, with their kind: DNS:, URI:, email: or IP:',
          examples: ['URI:spiffe://example.com/agents/*'],
        }),
    ),
    subject: text
      .refine((subject) => !placeholders.test(subject), {
        error: 'has a placeholder other than {commonName} and {alternativeName}',
      })
      .meta({
        description:
          'Subject of the principal; {commonName} and {alternativeName} stand for what was matched',
        examples: ['{commonName}'],
      }),
    kind: z
      .enum(principalKinds)
      .default(defaults.certificateKind)
      .meta({ description: 'Kind of the principal', examples: ['agent'] }),
    groups: z
      .array(text)
      .default([])
      .meta({ description: 'Groups of the principal', examples: [['ci']] }),
  })
  .refine(({ commonName, alternativeName }) => commonName !== null || alternativeName !== null, {
    error: 'matches every certificate: give commonName or alternativeName',
  })
  .transform((rule): CertificateRule => rule);

const lockoutSchema = (parts: ConfigParts) =>
  z
    .strictObject({
      failures: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(defaults.lockoutFailures)
        .meta({ description: 'Failed logins from one address that lock it out', examples: [5] }),
      window: parts.duration
        .refine((ms) => ms > 0, { error: 'must be more than 0' })
        .prefault(defaults.lockoutWindow)
        .meta({ description: 'The time in which they are counted' }),
      lock: parts.duration
        .prefault(defaults.lockoutTime)
        .meta({ description: 'How long the address stays locked out' }),
    })
    .transform(({ failures, window, lock }) => ({ failures, windowMs: window, lockMs: lock }))
    .meta({ description: 'Source addresses that fail to log in' });

/** `localhost` is the resolver's to answer, and RFC 6761 section 6.3 binds it to loopback. */
function isThisMachine({ hostname }: URL): boolean {
  const ip = hostname.replace(/^\[(.*)\]$/, '$1');
  return hostname === 'localhost' || (isIP(ip) !== 0 && isLoopback({ ip, port: 0 }));
}

function keysFault(written: string): string | null {
  const url = URL.parse(written);
  if (url === null) return 'must be a URL, such as https://login.example.com';
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isThisMachine(url))) {
    return 'must begin with https://; http:// is for an issuer on this machine (localhost) alone';
  }
  if (url.username !== '' || url.password !== '') return 'must not hold a user or a password';
  return null;
}

/** An issuer's identifier has no query and no fragment (OpenID Connect Discovery 1.0 section 3). */
function issuerFault(written: string): string | null {
  return keysFault(written) ?? (/[?#\s]/.test(written) ? 'must have no "?", "#" or space in it' : null);
}
