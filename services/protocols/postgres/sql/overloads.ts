import { anyType, type Types, typeOid } from './types.ts';

/** One of several functions or operators of a name, with the types that it takes as many arguments of as were given. */
export interface Overload {
  readonly schema: string;
  readonly parameters: readonly number[];
}

/**
 * Which of these PostgreSQL may run for arguments of these types: one where that can be told, else all that are possible. Never
 * empty when `overloads` is not: where our knowledge of types says that none fits, it is our knowledge that is doubted.
 *
 * Follows the manual's "Function Type Resolution" and "Operator Type Resolution" (chapter 10; parse_func.c, parse_oper.c).
 * `overloads` come in the order of the search path. test/protocols/postgres/sql/overloads.test.ts compares with the server.
 */
export function chooseOverloads<One extends Overload>(
  overloads: readonly One[],
  given: readonly number[],
  types: Types,
): readonly One[] {
  if (overloads.length <= 1) return overloads;
  const allKnown = !given.includes(anyType);
  if (allKnown) {
    const exact = exactMatches(overloads, given);
    if (exact.length > 0) return exact;
  }
  const possible = withoutShadowed(overloads).filter((one) => fits(one, given, types));
  if (possible.length === 0) return overloads;
  if (possible.length === 1 || !allKnown) return possible;
  return selectCandidate(possible, given, types);
}

/** As above, for the two sides of an operator: a literal counts as the other side's type first. */
export function chooseOperators<One extends Overload>(
  operators: readonly One[],
  left: number,
  right: number,
  types: Types,
): readonly One[] {
  if (operators.length <= 1) return operators;
  if (left !== anyType && right !== anyType) {
    const known = left === typeOid.unknown ? right : left;
    const literal = left === typeOid.unknown || right === typeOid.unknown;
    const tries = literal
      ? [
          [known, known],
          [types.base(known), types.base(known)],
        ]
      : [[left, right]];
    for (const pair of tries) {
      const exact = exactMatches(operators, pair);
      if (exact.length > 0) return exact;
    }
  }
  return chooseOverloads(operators, [left, right], types);
}

const sameTypes = (one: Overload, given: readonly number[]): boolean =>
  one.parameters.length === given.length && one.parameters.every((type, at) => type === given[at]);

/** Those of the first schema that has one with exactly these types. */
function exactMatches<One extends Overload>(
  overloads: readonly One[],
  given: readonly number[],
): readonly One[] {
  if (given.includes(typeOid.unknown)) return [];
  const matching = overloads.filter((one) => sameTypes(one, given));
  return matching.filter((one) => one.schema === matching[0]?.schema);
}

/** Without those whose types an earlier schema of the search path has too. */
function withoutShadowed<One extends Overload>(overloads: readonly One[]): readonly One[] {
  const first = new Map<string, string>();
  for (const one of overloads) {
    const key = one.parameters.join(' ');
    if (!first.has(key)) first.set(key, one.schema);
  }
  return overloads.filter((one) => first.get(one.parameters.join(' ')) === one.schema);
}

const fits = (one: Overload, given: readonly number[], types: Types): boolean =>
  given.every((type, at) => types.coercible(type, one.parameters[at] ?? anyType));

/** Those with the highest score. */
function best<One>(candidates: readonly One[], score: (one: One) => number): readonly One[] {
  let highest = -1;
  let kept: One[] = [];
  for (const one of candidates) {
    const scored = score(one);
    if (scored > highest) {
      highest = scored;
      kept = [one];
    } else if (scored === highest) kept.push(one);
  }
  return kept;
}

const count = (given: readonly number[], holds: (type: number, at: number) => boolean): number =>
  given.reduce((sum, type, at) => (holds(type, at) ? sum + 1 : sum), 0);

/** func_select_candidate. All that are left when the server would call the choice ambiguous. */
function selectCandidate<One extends Overload>(
  candidates: readonly One[],
  given: readonly number[],
  types: Types,
): readonly One[] {
  const bases = given.map((type) => (type === typeOid.unknown ? type : types.base(type)));
  const isLiteral = (type: number): boolean => type === typeOid.unknown;
  let left = best(candidates, (one) =>
    count(bases, (type, at) => !isLiteral(type) && one.parameters[at] === type),
  );
  if (left.length === 1) return left;
  const categories = bases.map((type) => types.category(type));
  left = best(left, (one) =>
    count(bases, (type, at) => {
      const parameter = one.parameters[at] ?? anyType;
      if (isLiteral(type)) return false;
      return (
        parameter === type || (types.category(parameter) === categories[at] && types.isPreferred(parameter))
      );
    }),
  );
  if (left.length === 1 || !bases.some(isLiteral)) return left;
  left = byLiteralCategory(left, bases, types);
  if (left.length === 1) return left;
  const known = new Set(bases.filter((type) => !isLiteral(type)));
  const [only] = known;
  if (known.size === 1 && only !== undefined) {
    const assumed = given.map(() => only);
    const fitting = left.filter((one) => fits(one, assumed, types));
    if (fitting.length === 1) return fitting;
  }
  return left;
}

/** Literals prefer strings, else the one category that all candidates take there, and in it the preferred type. */
function byLiteralCategory<One extends Overload>(
  candidates: readonly One[],
  bases: readonly number[],
  types: Types,
): readonly One[] {
  const wanted = new Map<number, { category: string; preferred: boolean }>();
  for (const [at, type] of bases.entries()) {
    if (type !== typeOid.unknown) continue;
    let category: string | null = null;
    let preferred = false;
    let conflict = false;
    for (const one of candidates) {
      const parameter = one.parameters[at] ?? anyType;
      const own = types.category(parameter);
      if (category === null || category === own) {
        category = own;
        preferred ||= types.isPreferred(parameter);
      } else if (own === 'S') {
        category = own;
        preferred = types.isPreferred(parameter);
      } else conflict = true;
    }
    if (category === null || (conflict && category !== 'S')) return candidates;
    wanted.set(at, { category, preferred });
  }
  const kept = candidates.filter((one) =>
    [...wanted].every(([at, { category, preferred }]) => {
      const parameter = one.parameters[at] ?? anyType;
      return types.category(parameter) === category && (!preferred || types.isPreferred(parameter));
    }),
  );
  return kept.length > 0 ? kept : candidates;
}
