/** The questions of `policy explain`: who asks, with what, when and from where. */
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import type { Circumstances } from '../../core/checkpoint/contract.ts';
import type { Parameter } from '../../core/model/action.ts';
import { canonicalIp } from '../../core/model/address.ts';
import type { ListenerName } from '../../core/model/ids.ts';
import type { ClaimObject, ClaimValue, Principal, PrincipalKind } from '../../core/model/principal.ts';
import type { Settings, TargetSettings } from '../../core/model/settings.ts';
import { CliError } from './errors.ts';

export interface WhoOptions {
  readonly as: string;
  readonly groups: readonly string[];
  readonly kind?: PrincipalKind;
  readonly issuer?: string;
  readonly claim: ClaimObject;
  readonly actingFor: readonly string[];
}

/** Somebody who has proven nothing: good for asking what would be, and for nothing else. */
export function supposedPrincipal(
  { as, groups, kind, issuer, claim, actingFor }: WhoOptions,
  { identity }: Settings,
): Principal {
  const [first] = identity.issuers;
  const named = identity.issuers.find(({ name, url }) => name === issuer || url === issuer);
  const from = named ?? (issuer === undefined ? first : undefined);
  const url = from?.url ?? issuer ?? 'certificate';
  return {
    issuer: url,
    subject: as,
    kind: kind ?? from?.claims.defaultKind ?? 'agent',
    groups,
    claims: { iss: url, sub: as, ...claim },
    actsFor: actingFor.map((subject) => ({ issuer: url, subject })),
    provenBy: from === undefined ? 'certificate' : 'token',
    credentialId: 'policy explain',
    expiresAtMs: Number.MAX_SAFE_INTEGER,
  };
}

/** `dba,oncall` */
export const groupList = (text: string): readonly string[] => text.split(',').filter((group) => group !== '');

/** `department=sales`; a value that is JSON is what it says (`level=3`, `vip=true`), any other is text. */
export function claimOption(text: string, earlier: ClaimObject): ClaimObject {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('It must be name=value.');
  return { ...earlier, [text.slice(0, at)]: claimValue(text.slice(at + 1)) };
}

function claimValue(text: string): ClaimValue {
  try {
    const value: ClaimValue = JSON.parse(text);
    return value;
  } catch {
    // No JSON: then it is the text itself.
    return text;
  }
}

export function ipOption(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('It must be an IP address.');
  return canonicalIp(text);
}

/** What stands for SQL's NULL, as in PostgreSQL's COPY: no text that anybody would send. */
export const nullParameter = '\\N';

export const parametersOf = (texts: readonly string[]): readonly Parameter[] =>
  texts.map((text) => ({
    text: text === nullParameter ? null : text,
    bound: Buffer.from(text),
  }));

/** @throws CliError `usage` */
export function targetOf({ targets }: Settings, name: string): TargetSettings {
  const found = targets.find((target) => target.name === name);
  if (found !== undefined) return found;
  const known = targets.map((target) => target.name).join(', ');
  throw new CliError('usage', `The config has no target "${name}"; it has ${known}.`);
}

/** @throws CliError `usage` */
export function circumstancesOf(
  settings: Settings,
  target: TargetSettings,
  asked: { readonly listener?: string; readonly source: string; readonly at?: number },
): Circumstances {
  const listener = listenerOf(settings, target, asked.listener);
  return { nowMs: asked.at ?? Date.now(), source: { ip: asked.source, port: 0 }, listener };
}

function listenerOf(
  { gateway }: Settings,
  { listeners: spoken }: TargetSettings,
  wanted: string | undefined,
): ListenerName {
  const able = gateway.listeners.filter((listener) => listener.protocol === spoken);
  const found = wanted === undefined ? able[0] : able.find(({ name }) => name === wanted);
  if (found !== undefined) return found.name;
  const names = able.map(({ name }) => name).join(', ');
  throw new CliError(
    'usage',
    wanted === undefined
      ? `No listener of the config speaks ${spoken}, so nobody can reach this target.`
      : `No listener "${wanted}" speaks ${spoken}; ${names === '' ? 'none does' : `there is ${names}`}.`,
  );
}
