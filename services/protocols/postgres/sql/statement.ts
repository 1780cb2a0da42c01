/** What the analysis of one statement is made of, whatever its kind. */
import type { Node } from 'libpg-query';
import type { CopyOut, NameChange, NameUse, OutputColumn, StatementFacts } from './analysis.ts';
import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import type { Columns, Scope } from './scope.ts';

/** What a statement's handler tells beside its findings. */
export interface Told {
  readonly command: string;
  /** The rows that come back; absent when there are none, or nothing is known of them. */
  readonly columns?: Columns;
  readonly nameChange?: NameChange;
  readonly nameUse?: NameUse;
  readonly copyIn?: boolean;
  readonly copyOut?: CopyOut;
  readonly transaction?: { readonly ends: boolean };
}

/** A statement on its way through its handler. */
export interface Frame {
  readonly context: Context;
  /** What its names may stand for beside columns: the variables of a function's body. */
  readonly scope: Scope;
  /** The statement's own text. */
  readonly text: string;
  /** Analyses a statement within this one on its own: PREPARE's, DECLARE's. */
  inner(node: Node, text: string): StatementFacts;
  /** Analyses a statement within this one as a part of it: EXPLAIN's, CREATE SCHEMA's. */
  part(node: Node): Told;
}

export function outputsOf(columns: Columns | undefined): readonly OutputColumn[] | null {
  if (columns === undefined || columns.open !== null || columns.fields.length === 0) return null;
  return columns.fields.map(({ name, value: { sources, derived } }) => ({ name, sources, derived }));
}

/** Notes which columns are computed in what the statement returns. */
export function noteDerived(
  outputs: readonly OutputColumn[] | null,
  columns: Columns | undefined,
  findings: Findings,
): void {
  if (columns === undefined || (columns.open === null && columns.fields.length === 0)) return;
  if (outputs === null) findings.deriveAll();
  else for (const { value } of columns.fields) if (value.derived) findings.derive(value.sources);
}
