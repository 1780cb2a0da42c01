/** GraphQL lets its clients choose what comes back and under which names: what of that would show a masked field, or tell what is in it. */
import type { Mask } from '../../core/model/decision.ts';
import { parseField } from '../requests/answer-plan.ts';
import { globMatcher } from '../requests/glob.ts';
import type { HttpEffect } from './effect.ts';
import type { JsonNode } from './json-text.ts';

type Matcher = (name: string) => boolean;

/** Of one mask. */
interface MaskedNames {
  /** One for each name on the ways to its fields: where one of them is called otherwise in an answer, the mask does not find its way. */
  readonly onTheWay: readonly Matcher[];
  /** Of the fields themselves, in snake case. */
  readonly fields: readonly string[];
}

const known = new WeakMap<Mask, MaskedNames>();

function namesOf(mask: Mask): MaskedNames {
  let names = known.get(mask);
  if (names === undefined) {
    const paths = mask.fields.map(parseField).flatMap((field) => {
      if ('fault' in field || field.kind === 'header') return [];
      return [field.path.segments];
    });
    names = {
      onTheWay: paths.flat().flatMap((segment): Matcher[] => {
        if (segment.kind === 'any-depth') return [];
        return [segment.kind === 'glob' ? globMatcher(segment.glob) : (name) => name === segment.name];
      }),
      fields: paths.flatMap((segments) => {
        const last = segments.at(-1);
        return last?.kind === 'name' ? [snakeCase(last.name)] : [];
      }),
    };
    known.set(mask, names);
  }
  return names;
}

/** `{ me { x: ssn } }` is answered with `x`, which no mask names. */
export function renamesMaskedField(mask: Mask, { graphql }: HttpEffect): boolean {
  if (graphql.kind !== 'field') return false;
  const { onTheWay } = namesOf(mask);
  return graphql.field.renamed.some(({ name, alias }) =>
    onTheWay.some((matches) => matches(name) && !matches(alias)),
  );
}

/** `users(where: {ssn_starts_with: "1"}, orderBy: SSN_ASC)`. What a mutation is given it writes. */
export function choosesByMaskedField(mask: Mask, { graphql }: HttpEffect): boolean {
  if (graphql.kind !== 'field' || graphql.field.operation === 'mutation') return false;
  const { fields } = namesOf(mask);
  if (fields.length === 0) return false;
  return [graphql.field.arguments, ...graphql.field.argumentsBelow].some(
    (given) => given === null || names(given, fields),
  );
}

function names(node: JsonNode, fields: readonly string[]): boolean {
  switch (node.kind) {
    case 'string':
      return node.text.split(/[^\p{L}\p{N}_]+/u).some((word) => isAbout(word, fields));
    case 'array':
      return node.items.some((item) => names(item, fields));
    case 'object':
      return [...node.members].some(([name, value]) => isAbout(name, fields) || names(value, fields));
    case 'number':
    case 'boolean':
    case 'null':
      return false;
  }
}

/** `ssn`, and what servers make of it: `ssn_in`, `ssnStartsWith`, `SSN_ASC`. */
function isAbout(word: string, fields: readonly string[]): boolean {
  const written = snakeCase(word);
  return fields.some((field) => written === field || written.startsWith(`${field}_`));
}

const snakeCase = (name: string): string => name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
