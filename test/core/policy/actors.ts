/** Principals, actions and circumstances for tests of policies. */
import type { Circumstances } from '../../../services/core/checkpoint/contract.ts';
import type { Action, Effect, Intent } from '../../../services/core/model/action.ts';
import { listenerName, type TargetName } from '../../../services/core/model/ids.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import { type SqlEffect, shop } from './words.ts';

export const principal = (changes: Partial<Principal> = {}): Principal => ({
  issuer: 'https://idp.example',
  subject: 'agent-1',
  kind: 'agent',
  groups: ['agents'],
  claims: {},
  actsFor: [],
  provenBy: 'token',
  credentialId: 'jti-1',
  expiresAtMs: Number.MAX_SAFE_INTEGER,
  ...changes,
});

export const sqlEffect = (verb: string, resource = '', changes: Partial<SqlEffect> = {}): SqlEffect => ({
  verb,
  resource,
  relation: verb === 'call' || resource === '' ? null : resource,
  conditionColumns: [],
  guessedColumns: [],
  derivedColumns: [],
  function: verb === 'call' ? resource : null,
  ...changes,
});

/** `delete app.orders` -> its effect. */
export const effectOf = (text: string): SqlEffect => {
  const [verb = '', resource = ''] = text.split(' ');
  return sqlEffect(verb, resource);
};

export const intent = (effects: readonly (string | Effect)[], changes: Partial<Intent> = {}): Intent => ({
  protocol: 'sql',
  target: shop,
  text: '',
  commands: 1,
  effects: effects.map((effect) => (typeof effect === 'string' ? effectOf(effect) : effect)),
  opaque: [],
  versions: [],
  consequences: [],
  unacceptable: null,
  ...changes,
});

export const withParameters = (of: Intent, parameters: readonly (string | null)[]): Action => ({
  intent: of,
  parameters: parameters.map((text) => ({ text, bound: Buffer.from(text ?? '') })),
  sessionState: '',
});

export const action = (
  effects: readonly (string | Effect)[],
  opaque: readonly string[] = [],
  target: TargetName = shop,
): Action => withParameters(intent(effects, { opaque, target }), []);

/** A Wednesday, noon in Berlin. */
export const noonMs = Date.UTC(2026, 6, 15, 10, 0);

export const circumstances = (changes: Partial<Circumstances> = {}): Circumstances => ({
  nowMs: noonMs,
  source: { ip: '10.1.2.3', port: 5000 },
  listener: listenerName('inside'),
  ...changes,
});
