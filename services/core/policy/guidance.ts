import { maxGuidanceCharacters, maxGuidanceListCharacters } from './limits.ts';
import { dynamicText } from './refusals.ts';
import type { Rule } from './rule.ts';
import { listText } from './shapes.ts';
import { connectVerb, everyVerb } from './vocabulary.ts';

/** ` on tables app.* (times mon 09:00-17:00 UTC)`. */
function conditionsText(rule: Rule): string {
  const where = rule.tests.map((test) => `${test.name} ${beginningOf(test.text)}`).join(', ');
  const when = rule.dynamic.length > 0 ? ` (${dynamicText(rule)})` : '';
  return `${where === '' ? '' : ` on ${where}`}${when}`;
}

/** A long list is told by its beginning: the whole of it would hide the other rules. */
function beginningOf(list: string): string {
  if (list.length <= maxGuidanceListCharacters) return list;
  const end = list.lastIndexOf(', ', maxGuidanceListCharacters);
  return end < 0 ? list : `${list.slice(0, end)}, ...`;
}

/** `select, insert on tables app.*`: rules that differ only in their effects are told as one. */
function summariesOf(rules: readonly Rule[]): readonly string[] {
  const effectsByConditions = new Map<string, Set<string>>();
  for (const rule of rules) {
    const conditions = conditionsText(rule);
    const effects = effectsByConditions.get(conditions) ?? new Set();
    for (const effect of rule.effects) if (effect !== connectVerb) effects.add(effect);
    effectsByConditions.set(conditions, effects);
  }
  return [...effectsByConditions]
    .filter(([, effects]) => effects.size > 0)
    .map(([conditions, effects]) => {
      const what = effects.has(everyVerb) ? 'anything' : listText([...effects]);
      return what + conditions;
    });
}

/**
 * What the rules of one principal on one target come to, in a sentence: `Here you may: select on tables app.*; update on
 * tables app.* after approval. Never: drop.` It tells only what these rules say, so nobody learns of other people's.
 */
export function guidanceOf(rules: readonly Rule[]): string {
  const summaries = (outcome: Rule['outcome']): readonly string[] =>
    summariesOf(rules.filter((rule) => rule.outcome === outcome));
  const may = [...summaries('allow'), ...summaries('hold').map((summary) => `${summary} after approval`)];
  if (may.length === 0) return 'No rule lets you do anything here.';
  const never = summaries('deny');
  const text = shortened('Here you may: ', may);
  const left = maxGuidanceCharacters - text.length;
  return never.length === 0 || left < 100 ? text : `${text} ${shortened('Never: ', never, left)}`;
}

/** As many of the items as fit, and how many there are beside. */
function shortened(start: string, items: readonly string[], maxCharacters = maxGuidanceCharacters): string {
  let text = start;
  for (const [index, item] of items.entries()) {
    const separator = index === 0 ? '' : '; ';
    if (index > 0 && text.length + item.length > maxCharacters) {
      return `${text}; and ${items.length - index} more.`;
    }
    text += separator + item;
  }
  return `${text}.`;
}
