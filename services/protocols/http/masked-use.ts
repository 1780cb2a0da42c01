/** Requests that choose by what is masked: `?sort=ssn` and `?filter[ssn][startsWith]=1` tell it bit by bit. */
import type { Mask } from '../../core/model/decision.ts';
import type { HttpEffect } from './effect.ts';

/** Parameters that say what the answer is made of, and not which rows are in it: masks are on the answer. */
const selecting: ReadonlySet<string> = new Set([
  'fields',
  'field',
  'select',
  'include',
  'expand',
  'columns',
  'props',
]);

/** The last name of a path into JSON, when it is one name: of `users[*].email` email. */
function fieldName(field: string): string | null {
  if (field.startsWith('header:')) return null;
  const last = /(?:^|\.)(?:"((?:[^"\\]|\\.)*)"|([^".]+))$/.exec(field.replaceAll(/\[\*?\]/g, ''));
  const name = (last?.[1] ?? last?.[2] ?? '').toLowerCase();
  return name === '' || name.includes('*') ? null : name;
}

/** `filter[user.ssn][gt]` has four words, `-created_at,-ssn` two, and Django's `ssn__startswith` two. */
const wordsOf = (text: string): readonly string[] =>
  text
    .toLowerCase()
    .split(/__|[^\p{L}\p{N}_-]+/u)
    .map((word) => word.replace(/^-+/, ''));

const names = new WeakMap<Mask, ReadonlySet<string>>();

function namesOf(mask: Mask): ReadonlySet<string> {
  let known = names.get(mask);
  if (known === undefined) {
    known = new Set(mask.fields.map(fieldName).filter((name) => name !== null));
    names.set(mask, known);
  }
  return known;
}

/** Where they are read as GraphQL (masked-graphql.ts). */
const ofGraphql: ReadonlySet<string> = new Set(['query', 'variables']);

export function usesMaskedField(mask: Mask, { query, graphql }: HttpEffect): boolean {
  const masked = namesOf(mask);
  if (masked.size === 0) return false;
  return query.possible.some(({ name, value }) => {
    if (graphql.kind === 'field' && ofGraphql.has(name)) return false;
    const nameWords = wordsOf(name);
    if (selecting.has(nameWords[0] ?? '')) return false;
    return [...nameWords, ...wordsOf(value)].some((word) => masked.has(word));
  });
}
