/** `{amount: {atMost: 100}, 'items[*].sku': [A1, 'B-*']}`: what values a rule wants in JSON. */
import { z } from 'zod';
import type { RuleOutcome } from '../../core/model/decision.ts';
import { globMatcher } from '../requests/glob.ts';
import { compareDecimal } from './decimal.ts';
import { certainValues, type FieldPath, fieldPath, parseFieldPath, possibleValues } from './field-path.ts';
import type { JsonNode } from './json-text.ts';

const bound = z
  .number()
  .min(Number.MIN_SAFE_INTEGER, { error: 'is a larger number than JavaScript holds exactly' })
  .max(Number.MAX_SAFE_INTEGER, { error: 'is a larger number than JavaScript holds exactly' });

const bounds = z
  .strictObject({ atLeast: bound.exactOptional(), atMost: bound.exactOptional() })
  .refine((asked) => Object.keys(asked).length > 0, { error: 'asks for nothing; write atLeast or atMost' });

const wantedValue = z.union([z.string().max(1000), bound, z.boolean(), z.null(), bounds], {
  error: 'must be text, a number, true, false, null, or {atLeast: ..., atMost: ...}',
});

export const fieldValues = z
  .record(z.string().max(1000), z.union([wantedValue, z.array(wantedValue).min(1)]))
  .superRefine((written, context) => {
    for (const text of Object.keys(written)) {
      const path = parseFieldPath(text);
      if ('fault' in path) context.addIssue({ code: 'custom', path: [text], message: path.fault });
    }
  });

type Wanted = z.output<typeof wantedValue>;
type Scalar = Exclude<JsonNode, { kind: 'object' | 'array' }>;
type ScalarTest = (value: Scalar) => boolean;

/**
 * For an allow rule each field is there, in every item, with such a value. For deny and hold it is enough that some server could read such a
 * value.
 *
 * @param value output of `fieldValues`
 */
export function compileFieldValues(value: unknown, outcome: RuleOutcome): (document: JsonNode) => boolean {
  const tests = Object.entries(fieldValues.parse(value)).map(([text, written]) => {
    const path = fieldPath(text);
    const wanted = Array.isArray(written) ? written : [written];
    return outcome === 'allow' ? covers(path, wanted) : touches(path, wanted);
  });
  return (document) => tests.every((test) => test(document));
}

function covers(path: FieldPath, wanted: readonly Wanted[]): (document: JsonNode) => boolean {
  const find = certainValues(path);
  const tests = wanted.map(surely);
  const covered = (node: JsonNode): boolean => {
    if (node.kind === 'array') return node.items.length > 0 && node.items.every(covered);
    return node.kind !== 'object' && tests.some((test) => test(node));
  };
  return (document) => {
    const found = find(document);
    return found !== null && found.length > 0 && found.every(covered);
  };
}

function touches(path: FieldPath, wanted: readonly Wanted[]): (document: JsonNode) => boolean {
  const find = possibleValues(path);
  const tests = wanted.map(possibly);
  const touched = (node: JsonNode): boolean => {
    if (node.kind === 'array') return node.items.length === 0 || node.items.some(touched);
    // `{"$ne": 1}`: a value of which only the server knows what it comes to.
    return node.kind === 'object' || tests.some((test) => test(node));
  };
  return (document) => find(document).some(touched);
}

/** As it is written; a string as it reads once its escapes are. */
const textOf = (value: Scalar): string => {
  switch (value.kind) {
    case 'string':
    case 'number':
      return value.text;
    case 'boolean':
      return String(value.value);
    case 'null':
      return 'null';
  }
};

function surely(wanted: Wanted): ScalarTest {
  if (wanted === null) return ({ kind }) => kind === 'null';
  switch (typeof wanted) {
    case 'string': {
      const matches = globMatcher(wanted);
      return (value) => matches(textOf(value));
    }
    case 'boolean':
      return (value) => value.kind === 'boolean' && value.value === wanted;
    case 'number':
      return surely({ atLeast: wanted, atMost: wanted });
    case 'object': {
      const { atLeast = null, atMost = null } = wanted;
      return (value) =>
        value.kind === 'number' &&
        (atLeast === null || (isAtLeast(value.text, atLeast) && Number(value.text) >= atLeast)) &&
        (atMost === null || (isAtMost(value.text, atMost) && Number(value.text) <= atMost));
    }
  }
}

const isAtLeast = (text: string, limit: number): boolean => (compareDecimal(text, limit) ?? -1) >= 0;
const isAtMost = (text: string, limit: number): boolean => (compareDecimal(text, limit) ?? 1) <= 0;

function possibly(wanted: Wanted): ScalarTest {
  if (wanted === null) return ({ kind }) => kind === 'null';
  switch (typeof wanted) {
    case 'string': {
      const matches = globMatcher(wanted);
      // 1e3 is 1000 to whoever has read it.
      return (value) =>
        matches(textOf(value)) || (value.kind === 'number' && matches(String(Number(value.text))));
    }
    // "yes", "1" and 1 are true to many.
    case 'boolean':
      return (value) => {
        if (value.kind === 'null') return !wanted;
        return value.kind !== 'boolean' || value.value === wanted;
      };
    case 'number':
      return possibly({ atLeast: wanted, atMost: wanted });
    case 'object': {
      const { atLeast = null, atMost = null } = wanted;
      return (value) => {
        // PHP, JavaScript and Jackson make numbers of strings, and of what is no number nobody can say which.
        if (value.kind !== 'number' && value.kind !== 'string') return true;
        const text = value.text.trim();
        if (compareDecimal(text, 0) === null) return true;
        // As it is written, or as a double has it.
        const rounded = Number(text);
        return (
          (atLeast === null || isAtLeast(text, atLeast) || rounded >= atLeast) &&
          (atMost === null || isAtMost(text, atMost) || rounded <= atMost)
        );
      };
    }
  }
}
