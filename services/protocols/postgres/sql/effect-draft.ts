import type { Guess, OpaqueReason, PostgresEffect, RowChoice, Verb } from './analysis.ts';
import { weaker } from './rows-chosen.ts';
import type { Sources } from './value.ts';

/** An effect while it is being put together. */
export interface Draft {
  readonly verb: Verb;
  readonly resource: string;
  readonly relation: string | null;
  readonly function: string | null;
  readonly setting: string | null;
  readonly objectKind: string | null;
  readonly coveredBy: OpaqueReason | null;
  readonly columns: Set<string>;
  readonly conditionColumns: Set<string>;
  readonly derivedColumns: Set<string>;
  /** By the comparison in the parse tree, since a recursive query is looked at several times. */
  readonly guesses: Map<object, Asked>;
  readonly untraced: Set<string>;
  untracedAnything: boolean;
  asOwner: boolean;
  rowsChosenBy: RowChoice | null;
}

/** A guess, and the parameters of a function that are the values. */
export interface Asked extends Guess {
  readonly sources: Sources;
  readonly by: Sources;
}

export const noDescendants: PostgresEffect['descendants'] = new Map();

type Columns =
  | 'columns'
  | 'conditionColumns'
  | 'guesses'
  | 'derivedColumns'
  | 'untraced'
  | 'untracedAnything'
  | 'asOwner';

export const noColumns = (): Pick<Draft, Columns> => ({
  columns: new Set(),
  conditionColumns: new Set(),
  guesses: new Map(),
  derivedColumns: new Set(),
  untraced: new Set(),
  untracedAnything: false,
  asOwner: false,
});

export function addUntraced(to: Draft, from: Draft): void {
  to.untracedAnything ||= from.untracedAnything;
  for (const column of from.untraced) to.untraced.add(column);
}

export const effectOf = (draft: Draft, descendants: PostgresEffect['descendants']): PostgresEffect => ({
  ...draft,
  descendants,
  columns: [...draft.columns],
  conditionColumns: [...draft.conditionColumns],
  guesses: [...draft.guesses.values()].map(({ columns, values, array }) => ({ columns, values, array })),
  derivedColumns: [...draft.derivedColumns],
  untraced: draft.untracedAnything ? 'anything' : [...draft.untraced],
});

/** Of two ways in which rows are chosen for one effect, that which leaves more. */
export const weakerOf = (left: RowChoice | null, right: RowChoice | null): RowChoice | null =>
  left === null || right === null ? (left ?? right) : weaker(left, right);
