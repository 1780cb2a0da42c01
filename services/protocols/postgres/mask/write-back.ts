/** Masks are not written into masked columns: whoever writes back a whole row that they read would destroy what they did not see. */
import { isMask } from '../../../core/masking/mask-forms.ts';
import type { Parameter, Unacceptable } from '../../../core/model/action.ts';
import type { Mask } from '../../../core/model/decision.ts';
import { isMaskedFor } from '../policy.ts';
import type { PostgresEffect } from '../sql/analysis.ts';

export const maskWritten: Unacceptable = {
  reason: 'unsupported',
  message:
    'Refused: it would write a mask into a masked column, where a value is: what was read here is masked.',
  hint: 'Leave masked columns out of what you write, or write a value of your own.',
};

/** By the masks in force and by the effects of a statement: both are the same objects each time it runs. */
const known = new WeakMap<readonly Mask[], WeakMap<readonly PostgresEffect[], boolean>>();

export function writesMaskedColumn(masks: readonly Mask[], effects: readonly PostgresEffect[]): boolean {
  let byEffects = known.get(masks);
  if (byEffects === undefined) {
    byEffects = new WeakMap();
    known.set(masks, byEffects);
  }
  let writes = byEffects.get(effects);
  if (writes === undefined) {
    writes = effects.some(
      (effect) =>
        (effect.verb === 'insert' || effect.verb === 'update') &&
        effect.columns.some((column) => masks.some((mask) => isMaskedFor(mask, effect, column))),
    );
    byEffects.set(effects, writes);
  }
  return writes;
}

/**
 * Whether one of the values that the statement brings is a mask. Which column each of them goes to is not looked at: beside a masked
 * column, eight stars are a mask in any other.
 */
export const bringsMask = (text: string, parameters: readonly Parameter[]): boolean =>
  hasMaskedLiteral(text) || parameters.some(({ text: value }) => value !== null && isMask(value));

/** What each mask has in it, so that nearly all texts are looked at once and no more. */
const sign = /\*{3}|masked/;

/** Between quotes of any kind: 'x', E'x', $$x$$, and within the text of JSON or an array. */
function hasMaskedLiteral(text: string): boolean {
  return sign.test(text) && text.split(/['"$]/).some(isMask);
}

/** Longer than any mask, in bytes. */
const maxTokenBytes = 256;

/**
 * What stands between values, in latin1: the usual delimiters of text and CSV; in binary the lengths, which are below 32 for masks, and -1
 * for NULL.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those that lengths are made of
const betweenValues = /[\x00-\x1f,;|'"{}\xff]/;

/** Looks for masks among the values of COPY FROM STDIN, whose data may be cut anywhere. */
export class CopiedMasks {
  /** The end of what came, which may be the beginning of a value. */
  #tail = '';

  /** Whether a value that has ended with this data is a mask. */
  found(data: Buffer): boolean {
    const text = this.#tail + data.toString('latin1');
    this.#tail = text.slice(-maxTokenBytes);
    if (!sign.test(text)) return false;
    const values = text.split(betweenValues);
    // The last one may go on.
    this.#tail = (values.pop() ?? '').slice(-maxTokenBytes);
    return values.some(isMaskInLatin1);
  }

  /** Whether the last value is, with which the data ends. */
  foundAtEnd(): boolean {
    return isMaskInLatin1(this.#tail.split(betweenValues).at(-1) ?? '');
  }
}

const isMaskInLatin1 = (value: string): boolean => isMask(Buffer.from(value, 'latin1').toString('utf8'));
