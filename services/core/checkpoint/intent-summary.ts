import { hash } from 'node:crypto';
import type { Effect, Intent } from '../model/action.ts';
import { maxTrailParameterCharacters, maxTrailParameters, maxTrailTextCharacters } from './limits.ts';

/** The parts of a trail record that depend on the intent alone, made once for all runs of the same text. */
export interface IntentSummary {
  readonly effects: readonly string[];
  readonly text: string;
  readonly textBytes: number;
  readonly textSha256: string;
}

const summaries = new WeakMap<Intent, IntentSummary>();
/** Of texts that differ in constants only there is one list. */
const effectTexts = new WeakMap<Intent['effects'], readonly string[]>();

export const effectText = (effect: Effect): string =>
  effect.resource === '' ? effect.verb : `${effect.verb} ${effect.resource}`;

export function summaryOf(intent: Intent): IntentSummary {
  let summary = summaries.get(intent);
  if (summary === undefined) {
    summary = {
      effects: effectTextsOf(intent.effects),
      text: intent.text.slice(0, maxTrailTextCharacters),
      textBytes: Buffer.byteLength(intent.text),
      textSha256: hash('sha256', intent.text, 'hex'),
    };
    summaries.set(intent, summary);
  }
  return summary;
}

function effectTextsOf(effects: Intent['effects']): readonly string[] {
  let texts = effectTexts.get(effects);
  if (texts === undefined) {
    texts = effects.map(effectText);
    effectTexts.set(effects, texts);
  }
  return texts;
}

/** The parameters' texts as the trail keeps them: cut, with a count of what was left out as the last one. */
export function trailParameters(texts: readonly (string | null)[]): readonly (string | null)[] {
  if (texts.length === 0) return texts;
  const kept = texts
    .slice(0, maxTrailParameters)
    .map((text) => text?.slice(0, maxTrailParameterCharacters) ?? null);
  const leftOut = texts.length - kept.length;
  return leftOut > 0 ? [...kept, `... and ${leftOut} more`] : kept;
}
