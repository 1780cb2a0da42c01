/** What reading and writing the rows of a relation does, beyond the relation itself. */

import type { RowChoice } from './analysis.ts';
import { noteType } from './calls.ts';
import type { CatalogColumn, Relation, RelationEvent, WriteEvent } from './catalog.ts';
import type { Context } from './context.ts';
import { ancestorsOf, descendantsOf, inheritingFrom } from './relation-fields.ts';
import { viewFacts } from './views.ts';

/** A SELECT names the relation. `only` leaves out tables that inherit from it. */
export function noteRead(relation: Relation, only: boolean, context: Context): void {
  const { findings } = context;
  findings.select(relation);
  // Whoever may not read a table may not read its partition, nor a table that inherits from it through it.
  for (const ancestor of ancestorsOf(relation)) findings.select(ancestor);
  if (!only) for (const child of inheritingFrom(relation)) findings.select(child);
  noteCode(relation, 'select', context);
  if (!relation.isView || relation.system) return;
  const view = viewFacts(relation, context);
  if (view === null) findings.opaque('unknown-relation');
  else findings.readThrough(view.findings, relation.kind === 'materialized view');
}

/**
 * Rows of the relation are changed: `columns` are those that are written, all of them for DELETE and TRUNCATE. Rows that depend on them by
 * foreign keys are as many as there happen to be.
 */
export function noteWrite(
  event: WriteEvent,
  relation: Relation,
  columns: readonly CatalogColumn[],
  only: boolean,
  rowsChosenBy: RowChoice | null,
  context: Context,
  seen: Set<string> = new Set(),
): void {
  const key = `${event} ${relation.oid}`;
  if (seen.has(key)) return;
  seen.add(key);
  context.budget.spend(columns.length + 1);
  const { findings } = context;
  findings.write(event, relation, columns, rowsChosenBy);
  for (const ancestor of ancestorsOf(relation))
    findings.write(event, ancestor, sameColumns(ancestor, columns), rowsChosenBy);
  if (!only && event !== 'insert') {
    for (const child of inheritingFrom(relation)) {
      findings.write(event, child, sameColumns(child, columns), rowsChosenBy);
    }
  }
  noteCode(relation, event, context);
  const descendants = descendantsOf(relation);
  context.budget.spend(descendants.length);
  for (const child of descendants) noteCode(child, event, context);
  if (event === 'insert' || event === 'update') for (const column of columns) noteType(context, column.type);
  noteRules(relation, event, context);
  if (relation.isView) noteWriteThroughView(event, relation, columns, rowsChosenBy, context, seen);
  else noteCascades(event, relation, columns, context, seen);
}

const sameColumns = (relation: Relation, columns: readonly CatalogColumn[]): readonly CatalogColumn[] =>
  columns.flatMap((column) => relation.column(column.column) ?? []);

/** Triggers, defaults, checks, index expressions and row security that run somebody's function. */
function noteCode(relation: Relation, event: RelationEvent, context: Context): void {
  for (const code of relation.code) {
    if (code.events.includes(event)) context.findings.call(code.function);
  }
}

function noteRules(relation: Relation, event: WriteEvent, context: Context): void {
  if (!relation.rules.some((rule) => rule.event === event)) return;
  context.findings.opaque('rewrite-rule');
  // For whoever decides about it: what the rules' own statements do.
  for (const definition of relation.ruleDefinitions) {
    if (definition !== null) context.queries.ruleActions(definition, context);
  }
}

/** A simple view passes changes on to its table, unless INSTEAD OF triggers, which are among its code, take its place. */
function noteWriteThroughView(
  event: WriteEvent,
  view: Relation,
  columns: readonly CatalogColumn[],
  rowsChosenBy: RowChoice | null,
  context: Context,
  seen: Set<string>,
): void {
  // What a system view lets through it does by rules, which are opaque.
  if (view.system) return;
  const facts = viewFacts(view, context);
  if (facts === null) {
    context.findings.opaque('unknown-relation');
    return;
  }
  context.findings.readThrough(facts.findings, false);
  const { base } = facts;
  if (base === null || view.insteadOf.has(event)) return;
  const written =
    event === 'delete' || event === 'truncate'
      ? base.columns
      : facts.columns.fields.flatMap((field, at) => {
          const column = view.columns[at];
          if (column === undefined || !columns.includes(column)) return [];
          return field.value.sources.filter((source) => source.relationOid === base.oid);
        });
  noteWrite(event, base, written, false, rowsChosenBy, context, seen);
}

/** Foreign keys that change dependent rows. TRUNCATE's cascade takes every dependent table, but only when it is asked to. */
function noteCascades(
  event: WriteEvent,
  relation: Relation,
  columns: readonly CatalogColumn[],
  context: Context,
  seen: Set<string>,
): void {
  for (const key of relation.referencedBy) {
    if (event === 'delete' && key.onDelete === 'cascade') {
      noteWrite('delete', key.dependent, key.dependent.columns, false, 'range', context, seen);
    } else if (
      (event === 'delete' && key.onDelete === 'set') ||
      (event === 'update' &&
        key.onUpdate !== 'none' &&
        key.referencedColumns.some((column) => columns.includes(column)))
    ) {
      noteWrite('update', key.dependent, key.dependentColumns, false, 'range', context, seen);
    }
  }
}

/** TRUNCATE ... CASCADE. */
export function noteTruncateCascade(
  relation: Relation,
  context: Context,
  seen: Set<Relation> = new Set(),
): void {
  for (const { dependent } of relation.referencedBy) {
    if (seen.has(dependent)) continue;
    seen.add(dependent);
    noteWrite('truncate', dependent, dependent.columns, false, 'none', context);
    noteTruncateCascade(dependent, context, seen);
  }
}
