import { LineCounter, parseDocument, YAMLMap } from 'yaml';
import {
  type Problem,
  problemText,
  type SourceDocument,
  type ValuePath,
} from '../../../services/core/model/problem.ts';
import { loadPolicies } from '../../../services/core/policy/load.ts';
import type { PolicySet } from '../../../services/core/policy/policy-set.ts';
import type { Vocabulary } from '../../../services/core/policy/vocabulary.ts';
import { vocabulary } from './words.ts';

/** A YAML file as core/config reads it: the place of a map's entry is that of its key. */
export function yaml(text: string, file = 'policy.yaml'): SourceDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const offset = (path: ValuePath): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const parent = document.getIn(path.slice(0, length - 1), true);
      const key = path[length - 1];
      if (parent instanceof YAMLMap) {
        const pair = parent.items.find((item) => String(item.key) === String(key));
        if (pair !== undefined) return Reflect.get(Object(pair.key), 'range')?.[0] ?? 0;
      }
      const node = document.getIn(path.slice(0, length), true);
      const range: unknown = Reflect.get(Object(node), 'range');
      if (Array.isArray(range)) return Number(range[0]);
    }
    return 0;
  };
  return {
    file,
    value: document.toJS(),
    locate(path) {
      const { line, col } = lines.linePos(offset(path));
      return { line, column: col };
    },
  };
}

/** The set that these policies make; throws with the problems when they are broken. */
export function policiesOf(text: string, words: Vocabulary = vocabulary): PolicySet {
  const { policies, problems } = loadPolicies([yaml(text)], words);
  if (policies === null) throw new Error(problems.map(problemText).join('\n'));
  return policies;
}

export const told = (problems: readonly Problem[]): readonly string[] => problems.map(problemText);
