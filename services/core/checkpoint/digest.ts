import { createHash, type Hash } from 'node:crypto';
import type { Action } from '../model/action.ts';
import { type RuleRef, ruleText } from '../model/decision.ts';
import type { TargetName } from '../model/ids.ts';
import { chainOf, type Principal } from '../model/principal.ts';

/**
 * Adds fields with their lengths before them, so that no two lists of fields give the same bytes: without lengths
 * ("ab", "c") and ("a", "bc") would.
 */
function addFields(hash: Hash, fields: readonly (string | Uint8Array)[]): void {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(fields.length);
  hash.update(length);
  for (const field of fields) {
    const bytes = typeof field === 'string' ? Buffer.from(field, 'utf8') : field;
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
}

const chainFields = (principal: Principal): readonly string[] =>
  chainOf(principal).flatMap((party) => [party.issuer, party.subject]);

/**
 * What an approval is bound to: principal chain, target, exact text, parameters (type, format, bytes), the session's
 * state, policy version and the versions of all it touches. Two actions with the same digest do the same thing.
 *
 * A fingerprint or a normalised text would not do: libpg-query's is the same for other constants and longer IN lists.
 */
export function actionDigest(principal: Principal, action: Action, policyVersion: string): string {
  const { intent } = action;
  const hash = createHash('sha256');
  addFields(hash, ['sallyport-action-1', intent.protocol, intent.target, policyVersion, action.sessionState]);
  addFields(hash, chainFields(principal));
  addFields(hash, [intent.text]);
  addFields(
    hash,
    action.parameters.map((parameter) => parameter.bound),
  );
  addFields(hash, intent.versions);
  return hash.digest('hex');
}

/** What a grant that covers a rule is bound to. */
export function ruleDigest(
  principal: Principal,
  target: TargetName,
  rule: RuleRef,
  policyVersion: string,
): string {
  const hash = createHash('sha256');
  addFields(hash, ['sallyport-rule-1', target, ruleText(rule), policyVersion]);
  addFields(hash, chainFields(principal));
  return hash.digest('hex');
}
