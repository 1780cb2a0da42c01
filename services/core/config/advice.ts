import { statSync } from 'node:fs';
import { AddressRanges } from '../model/address.ts';
import { messageOf } from '../model/errors.ts';
import type { ValuePath } from '../model/problem.ts';
import type { ListenerOauthSettings, ListenerSettings, Settings } from '../model/settings.ts';
import type { Finding } from './finding.ts';
import { adviceIdleTimeoutMs } from './limits.ts';
import { certificatesOf } from './pem.ts';
import type { References } from './references.ts';

/** What the schema finds no fault with, but which probably does not work as it was meant. */
export function adviceFor(
  settings: Settings,
  written: unknown,
  references: References,
  nowMs: number,
): readonly Finding[] {
  return [
    ...settings.gateway.listeners.flatMap((listener, index) =>
      listenerAdvice(listener, ['gateway', 'listeners', index], settings, nowMs),
    ),
    ...stateDirAdvice(settings.gateway.stateDir),
    ...settings.identity.issuers.flatMap(({ consoleAudience, claims }, index) =>
      consoleAudience !== null && claims.kind === null && claims.defaultKind !== 'person'
        ? [
            warning(
              ['identity', 'issuers', index, 'consoleAudience'],
              `lets nobody approve: only a person may, and claims.defaultKind makes everybody ${article[claims.defaultKind]}; ` +
                'name the claim that tells people from programs (claims.kind)',
            ),
          ]
        : [],
    ),
    ...certificateAdvice(settings),
    ...consoleAdvice(settings),
    ...settings.targets.flatMap(({ listeners }, index) =>
      settings.gateway.listeners.some(({ protocol }) => protocol === listeners)
        ? []
        : [
            warning(
              ['targets', index, 'protocol'],
              `no listener speaks ${listeners}, so nobody can reach this target`,
            ),
          ],
    ),
    ...(settings.policyFiles.length === 0
      ? [warning(['policies'], 'there are none, and what no rule allows is refused: everything will be')]
      : []),
    ...exposedSecrets(written, [], references.exposed),
  ];
}

const article = { agent: 'an agent', workload: 'a workload', person: 'a person' } as const;

const warning = (path: ValuePath, message: string): Finding => ({ severity: 'warning', path, message });

const loopback = new AddressRanges(['127.0.0.0/8', '::1']);

function listenerAdvice(
  listener: ListenerSettings,
  path: ValuePath,
  { targets }: Settings,
  nowMs: number,
): readonly Finding[] {
  const advice: Finding[] = [];
  if (listener.tls === null && !loopback.contains({ ip: listener.address })) {
    advice.push(
      warning([...path, 'address'], 'is reachable from other machines, which cannot log in here without tls'),
    );
  }
  if (listener.idleTimeoutMs < adviceIdleTimeoutMs) {
    advice.push(
      warning([...path, 'idleTimeout'], 'is short: a connection that waits for an approval has no traffic'),
    );
  }
  if (!targets.some(({ listeners }) => listeners === listener.protocol)) {
    advice.push(warning([...path, 'protocol'], 'no target is reached by it, so this listener leads nowhere'));
  }
  const oauthFault = listener.oauth === null ? null : libpqFault(listener.oauth);
  if (oauthFault !== null) advice.push(warning([...path, 'oauth', 'issuer'], oauthFault));
  const [own] = certificatesOf(listener.tls?.certificate ?? '') ?? [];
  if (own !== undefined && (own.validToDate.getTime() <= nowMs || own.validFromDate.getTime() > nowMs)) {
    advice.push(
      warning(
        [...path, 'tls', 'certificate'],
        `is valid from ${own.validFrom} to ${own.validTo} only, and not now`,
      ),
    );
  }
  return advice;
}

/** libpq compares issuers byte by byte (fe-auth-oauth.c, issuer_from_well_known_uri and handle_oauth_sasl_error). */
function libpqFault({ issuerUrl }: ListenerOauthSettings): string | null {
  if (!issuerUrl.startsWith('https://')) return 'has no https URL, and libpq goes to no other for a token';
  if (!issuerUrl.endsWith('/')) return null;
  return `has a URL that ends with "/", so libpq looks for its metadata at ${issuerUrl}/.well-known/openid-configuration, where many issuers have none`;
}

function certificateAdvice({ gateway, identity }: Settings): readonly Finding[] {
  const asking = gateway.listeners.findIndex(({ tls }) => tls !== null && tls.clientCa !== null);
  if (asking === -1 && identity.certificates.length > 0) {
    return [warning(['identity', 'certificates'], 'no listener asks for client certificates (tls.clientCa)')];
  }
  if (asking !== -1 && identity.certificates.length === 0) {
    return [
      warning(
        ['gateway', 'listeners', asking, 'tls', 'clientCa'],
        'asks for client certificates, and no rule says who they stand for (identity.certificates)',
      ),
    ];
  }
  return [];
}

function consoleAdvice({ console, identity }: Settings): readonly Finding[] {
  if (identity.issuers.some(({ consoleAudience }) => consoleAudience !== null)) return [];
  return (['operators', 'auditors'] as const)
    .filter((role) => console[role].length > 0)
    .map((role) =>
      warning(
        ['console', role],
        'are nobody as long as no issuer has a consoleAudience: people could not log in',
      ),
    );
}

function stateDirAdvice(stateDir: string): readonly Finding[] {
  const path = ['gateway', 'stateDir'];
  try {
    const stats = statSync(stateDir, { throwIfNoEntry: false });
    if (stats === undefined) return [];
    if (!stats.isDirectory()) return [{ severity: 'error', path, message: `${stateDir} is not a folder` }];
    const open = (stats.mode & 0o077) !== 0;
    return open ? [warning(path, `others on this machine can look into ${stateDir}; chmod 700 it`)] : [];
  } catch (cause) {
    return [{ severity: 'error', path, message: `${stateDir} cannot be used (${messageOf(cause)})` }];
  }
}

/** A transform of zod does not know where in the file it stands; the reference itself leads back to the place. */
function exposedSecrets(
  written: unknown,
  path: ValuePath,
  exposed: ReadonlyMap<string, string>,
): readonly Finding[] {
  if (exposed.size === 0) return [];
  if (typeof written === 'string') {
    const message = exposed.get(written);
    return message === undefined ? [] : [warning(path, message)];
  }
  if (typeof written !== 'object' || written === null) return [];
  const steps = Array.isArray(written) ? [...written.entries()] : Object.entries(written);
  return steps.flatMap(([step, inner]: [string | number, unknown]) =>
    exposedSecrets(inner, [...path, step], exposed),
  );
}
