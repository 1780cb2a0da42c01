import type { Attributes } from '@opentelemetry/api';
import type { Intent } from '../model/action.ts';
import { type Decision, ruleText } from '../model/decision.ts';
import type { SessionAttributes } from '../model/telemetry.ts';
import type { ActionOutcome } from '../model/trail-entry.ts';
import { maxSpanAttributeCharacters, maxSpanEffects, maxSpanTextCharacters } from './limits.ts';

/**
 * Names are OpenTelemetry's semantic conventions where there is one, and `sallyport.*` otherwise.
 * https://opentelemetry.io/docs/specs/semconv/
 */
const cut = (text: string, characters = maxSpanAttributeCharacters): string => text.slice(0, characters);

export function sessionAttributes(known: Partial<SessionAttributes>): Attributes {
  const attributes: Attributes = {};
  const { protocol, listener, source, target, principal, session, protocolAttributes = {} } = known;
  if (protocol !== undefined) attributes['sallyport.protocol'] = protocol;
  if (listener !== undefined) attributes['sallyport.listener'] = cut(listener);
  if (target !== undefined) attributes['sallyport.target'] = cut(target);
  if (session !== undefined) attributes['session.id'] = session;
  if (source !== undefined) {
    attributes['client.address'] = cut(source.ip);
    attributes['client.port'] = source.port;
  }
  if (principal !== undefined) {
    attributes['enduser.id'] = cut(principal.subject);
    attributes['sallyport.principal.issuer'] = cut(principal.issuer);
    attributes['sallyport.principal.kind'] = principal.kind;
    if (principal.actsFor.length > 0) {
      attributes['sallyport.principal.acts_for'] = principal.actsFor.map((party) => cut(party.subject));
    }
  }
  for (const [name, value] of Object.entries(protocolAttributes)) {
    attributes[name] = typeof value === 'string' ? cut(value) : value;
  }
  return attributes;
}

/** Whether the session's protocol speaks to a database, as OpenTelemetry's conventions for databases see it. */
export const isDatabase = (session: Attributes): boolean => session['db.system.name'] !== undefined;

export function intentAttributes(intent: Intent, session: Attributes, withText: boolean): Attributes {
  const effects = intent.effects
    .slice(0, maxSpanEffects)
    .map(({ verb, resource }) => cut(resource === '' ? verb : `${verb} ${resource}`));
  const attributes: Attributes = { 'sallyport.effects': effects };
  if (intent.effects.length > effects.length) attributes['sallyport.effects.count'] = intent.effects.length;
  if (intent.opaque.length > 0) {
    attributes['sallyport.opaque'] = intent.opaque.slice(0, maxSpanEffects).map((reason) => cut(reason));
  }
  if (isDatabase(session)) attributes['db.query.summary'] = cut(effects.join('; '));
  if (withText) {
    const name = isDatabase(session) ? 'db.query.text' : 'sallyport.text';
    attributes[name] = cut(intent.text, maxSpanTextCharacters);
  }
  return attributes;
}

export function decisionAttributes(decision: Decision): Attributes {
  const attributes: Attributes = { 'sallyport.decision': decision.kind };
  if (decision.rule !== null) attributes['sallyport.rule'] = cut(ruleText(decision.rule));
  if (decision.kind === 'deny') attributes['sallyport.reason'] = decision.reason;
  return attributes;
}

export function outcomeAttributes(outcome: ActionOutcome, session: Attributes): Attributes {
  const attributes: Attributes = {
    'sallyport.result': outcome.result,
    'sallyport.bytes': outcome.bytes,
    'sallyport.values.masked': outcome.maskedValues,
  };
  attributes[isDatabase(session) ? 'db.response.returned_rows' : 'sallyport.rows'] = outcome.rows;
  if (outcome.errorCode !== null) {
    attributes['error.type'] = cut(outcome.errorCode);
    if (isDatabase(session)) attributes['db.response.status_code'] = cut(outcome.errorCode);
  }
  return attributes;
}
