/** What reading and writing the rows of a relation does, beyond the relation itself. */

import type { RowChoice } from './analysis.ts';
import { noteType, noteUntraced } from './calls.ts';
import {
  type CatalogColumn,
  descendantsOf,
  type ForeignKey,
  type Relation,
  type RelationEvent,
  type Trigger,
  type WriteEvent,
} from './catalog.ts';
import {
  cascadedDeleteText,
  cascadedTruncateText,
  cascadedUpdateText,
  partitionsText,
  ruleText,
  triggerText,
} from './consequences.ts';
import type { Context } from './context.ts';
import { ancestorsOf, inheritingFrom } from './relatives.ts';
import { typeOid } from './types.ts';
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
  else findings.readThrough(relation, view.findings, relation.kind === 'materialized view');
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
  noteTriggers(relation, event, context);
  noteDescendants(event, relation, columns, only, context, seen);
  // A column that an INSERT leaves out becomes NULL, which its domain checks too.
  const made = event === 'insert' ? relation.columns : event === 'update' ? columns : [];
  for (const column of made) noteType(context, column.type);
  noteRules(relation, event, context);
  if (relation.isView) noteWriteThroughView(event, relation, columns, rowsChosenBy, context, seen);
  else noteCascades(event, relation, columns, context, seen);
}

const sameColumns = (relation: Relation, columns: readonly CatalogColumn[]): readonly CatalogColumn[] =>
  columns.flatMap((column) => relation.column(column.column) ?? []);

/** Tables whose rows are the relation's too: their triggers fire, and what refers to them is changed along. */
function noteDescendants(
  event: WriteEvent,
  relation: Relation,
  columns: readonly CatalogColumn[],
  only: boolean,
  context: Context,
  seen: Set<string>,
): void {
  const descendants = descendantsOf(relation);
  context.budget.spend(descendants.length);
  const partitions = descendants.filter((one) => one.partition).length;
  if (partitions > 0) context.findings.consequence(partitionsText(relation, partitions));
  const moves = event === 'update' && movesRows([relation, ...descendants], columns);
  const events: readonly WriteEvent[] = moves ? ['update', 'delete', 'insert'] : [event];
  for (const child of descendants) {
    for (const each of events) {
      noteCode(child, each, context);
      noteTriggers(child, each, context);
    }
    // ONLY is not for partitions: a partitioned table has no rows of its own.
    if (only && !child.partition) continue;
    if (!child.system) context.findings.version(child.version);
    noteCascades(event, child, sameColumns(child, columns), context, seen, relation);
    // Until PostgreSQL 15 a row that went to another partition was deleted as its foreign keys saw it.
    if (moves && context.catalog.serverVersion < 150000) {
      noteCascades('delete', child, child.columns, context, seen, relation);
    }
  }
}

/** Whether rows may go to another partition: there they are deleted and inserted, as triggers see it. */
const movesRows = (family: readonly Relation[], columns: readonly CatalogColumn[]): boolean =>
  family.some(({ partitionKey }) =>
    partitionKey.some((key) => columns.some((column) => column.column === key.column)),
  );

/** Triggers, defaults, checks, index expressions and row security that run somebody's function. */
function noteCode(relation: Relation, event: RelationEvent, context: Context): void {
  for (const { events, function: one } of relation.code) {
    if (!events.includes(event)) continue;
    context.findings.call(one);
    // What a trigger makes of a row, the table's owner shows to whoever may read the table.
    if (one.returns !== typeOid.trigger) noteUntraced(one, context);
  }
}

/** The rows of the relation and of what belongs to it are gone through, without being changed. */
export function noteRowsGoneThrough(
  relation: Relation,
  event: 'maintain' | 'rewrite',
  context: Context,
): void {
  for (const one of [relation, ...descendantsOf(relation)]) {
    context.budget.spend(1);
    noteCode(one, event, context);
  }
}

function noteTriggers(relation: Relation, event: WriteEvent, context: Context): void {
  for (const trigger of relation.triggers) {
    if (!trigger.events.includes(event) || isParents(trigger, relation)) continue;
    context.findings.consequence(triggerText(trigger, relation, event));
  }
}

/** A trigger of a partitioned table stands at each of its partitions again. */
const isParents = ({ name, function: run }: Trigger, on: Relation): boolean =>
  on.partition &&
  on.parents.some((parent) =>
    parent.triggers.some((trigger) => trigger.name === name && trigger.function === run),
  );

function noteRules(relation: Relation, event: WriteEvent, context: Context): void {
  const rules = relation.rules.filter((rule) => rule.event === event);
  if (rules.length === 0) return;
  context.findings.opaque('rewrite-rule');
  for (const rule of rules) context.findings.consequence(ruleText(rule, relation));
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
  context.findings.readThrough(view, facts.findings, false);
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

/**
 * Foreign keys that change dependent rows. TRUNCATE's cascade takes every dependent table, but only when it is asked to. `root`: the
 * table that the statement writes to, of which the relation may be a partition.
 */
function noteCascades(
  event: WriteEvent,
  relation: Relation,
  columns: readonly CatalogColumn[],
  context: Context,
  seen: Set<string>,
  root = relation,
): void {
  for (const key of relation.referencedBy) {
    const { dependent, dependentColumns } = key;
    if (event === 'delete' && key.onDelete === 'cascade') {
      tell(key, relation, root, cascadedDeleteText, context);
      noteWrite('delete', dependent, dependent.columns, false, 'range', context, seen);
    } else if (
      (event === 'delete' && key.onDelete === 'set') ||
      (event === 'update' &&
        key.onUpdate !== 'none' &&
        key.referencedColumns.some((column) => columns.includes(column)))
    ) {
      tell(key, relation, root, cascadedUpdateText, context);
      noteWrite('update', dependent, dependentColumns, false, 'range', context, seen);
    }
  }
}

/** Partitions on either side have their parents' foreign keys again. */
function tell(
  key: ForeignKey,
  of: Relation,
  root: Relation,
  text: (key: ForeignKey, of: Relation) => string,
  { findings }: Context,
): void {
  const { dependent } = key;
  const isDependentsParents =
    dependent.partition && of.referencedBy.some((other) => dependent.parents.includes(other.dependent));
  const isRoots =
    of.partition && of !== root && root.referencedBy.some((other) => other.dependent === dependent);
  if (!isDependentsParents && !isRoots) findings.consequence(text(key, of));
}

/** TRUNCATE ... CASCADE. */
export function noteTruncateCascade(
  relation: Relation,
  context: Context,
  seen: Set<Relation> = new Set(),
): void {
  for (const referenced of [relation, ...descendantsOf(relation)]) {
    for (const key of referenced.referencedBy) {
      const { dependent } = key;
      if (seen.has(dependent)) continue;
      seen.add(dependent);
      tell(key, referenced, relation, cascadedTruncateText, context);
      noteWrite('truncate', dependent, dependent.columns, false, 'none', context);
      noteTruncateCascade(dependent, context, seen);
    }
  }
}
