/** What the scripts answer, read into our types. */
import { messageOf } from '../../model/errors.ts';
import { ApprovalsError, type Grant, type Hold, type Vote } from '../../model/hold.ts';
import { grantRecord, requestRecord, stateRecord, voteRecord } from '../records.ts';

const corrupt = (what: string, cause?: unknown): ApprovalsError =>
  new ApprovalsError('corrupt', `Redis holds what is not of our making: ${what}`, { cause });

/** @throws ApprovalsError `corrupt` */
export function texts(reply: unknown): readonly string[] {
  if (!Array.isArray(reply)) throw corrupt('a script did not answer a list');
  return reply.map((item: unknown) => {
    if (typeof item !== 'string' && typeof item !== 'number') throw corrupt('a list holds more than texts');
    return String(item);
  });
}

/** @throws ApprovalsError `corrupt` */
export function lists(reply: unknown): readonly (readonly string[])[] {
  if (!Array.isArray(reply)) throw corrupt('a script did not answer a list');
  return reply.map(texts);
}

/** A hash as HGETALL gives it: field, value, field, value. Of a field given twice the later one counts. */
class Hash {
  readonly #fields = new Map<string, string>();

  constructor(flat: readonly string[]) {
    for (let i = 1; i < flat.length; i += 2) this.#fields.set(flat[i - 1] ?? '', flat[i] ?? '');
  }

  text(field: string): string {
    const value = this.#fields.get(field);
    if (value === undefined) throw new TypeError(`field ${field} is missing`);
    return value;
  }

  number(field: string): number {
    const value = Number(this.text(field));
    if (!Number.isFinite(value)) throw new TypeError(`field ${field} is no number`);
    return value;
  }

  json(field: string): unknown {
    return JSON.parse(this.text(field));
  }
}

function voteFrom(hash: Hash, n: number): Vote {
  return voteRecord.parse({
    approver: hash.json(`vote:${n}:approver`),
    verdict: hash.text(`vote:${n}`),
    reason: hash.text(`vote:${n}:reason`),
    atMs: hash.number(`vote:${n}:atMs`),
  });
}

/** @throws ApprovalsError `corrupt` */
export function holdFrom(flat: readonly string[]): Hold {
  try {
    const hash = new Hash(flat);
    const kept = requestRecord.parse(hash.json('request'));
    const request = {
      ...kept,
      openedAtMs: hash.number('openedAtMs'),
      expiresAtMs: hash.number('expiresAtMs'),
      owner: hash.text('owner') === '' ? null : kept.owner,
    };
    const votes: Vote[] = [];
    for (let n = 1; n <= hash.number('votes'); n += 1) votes.push(voteFrom(hash, n));
    return { request, state: stateRecord.parse(hash.text('state')), votes };
  } catch (cause) {
    throw corrupt(`a hold cannot be read: ${messageOf(cause)}`, cause);
  }
}

/** @throws ApprovalsError `corrupt` */
export function grantFrom(flat: readonly string[]): Grant {
  try {
    const hash = new Hash(flat);
    return grantRecord.parse({
      id: hash.text('id'),
      hold: hash.text('hold'),
      scope: hash.json('scope'),
      digest: hash.text('digest'),
      approvers: hash.json('approvers'),
      expiresAtMs: hash.number('expiresAtMs'),
    });
  } catch (cause) {
    throw corrupt(`a grant cannot be read: ${messageOf(cause)}`, cause);
  }
}
