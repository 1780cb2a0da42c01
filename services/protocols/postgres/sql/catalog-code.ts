/** Whose code the server runs by itself: what triggers, defaults, checks, indexes and types call. */
import type { CatalogFunction, CatalogType, EventTrigger, Relation, RelationEvent } from './catalog.ts';
import { type CatalogResult, type CatalogRows, flag, number, text } from './catalog-rows.ts';

export interface CodeParts {
  readonly relations: ReadonlyMap<number, Relation>;
  readonly types: ReadonlyMap<number, CatalogType>;
  readonly functions: ReadonlyMap<number, CatalogFunction>;
}

/**
 * Functions of extensions in C are installed by a superuser and do what they say (uuid_generate_v4 as a default); everybody else's
 * functions are code that somebody wrote here.
 */
const isTrusted = (one: CatalogFunction): boolean =>
  one.schema === 'pg_catalog' || (one.fromExtension && (one.language === 'c' || one.language === 'internal'));

export function loadCode(rows: CatalogRows, parts: CodeParts): void {
  loadTriggers(rows.queries.triggers, parts);
  loadExpressions(rows, parts);
  loadComparisons(rows.queries.comparisons, parts);
}

/** pg_trigger.tgtype's bits. */
const triggerEvents: readonly (readonly [bit: number, event: RelationEvent])[] = [
  [4, 'insert'],
  [8, 'delete'],
  [16, 'update'],
  [32, 'truncate'],
];

const insteadOfBit = 64;

function loadTriggers(rows: CatalogResult, { relations, functions }: CodeParts): void {
  for (const [on, functionOid, bits, xmin, name] of rows) {
    const relation = relations.get(number(on));
    const run = functions.get(number(functionOid));
    if (relation === undefined || run === undefined) continue;
    relation.changedBy.push(text(xmin));
    const events = triggerEvents.filter(([bit]) => (number(bits) & bit) !== 0).map(([, event]) => event);
    if ((number(bits) & insteadOfBit) !== 0) for (const event of events) relation.insteadOf.add(event);
    relation.triggers.push({ name: text(name), events, function: run });
    if (isTrusted(run)) continue;
    relation.code.push({ events, function: run });
  }
}

/** When an expression of each kind is worked out. */
const expressionEvents: Readonly<Record<string, readonly RelationEvent[]>> = {
  default: ['insert', 'update', 'rewrite'],
  check: ['insert', 'update', 'rewrite'],
  partition: ['insert', 'update', 'rewrite'],
  index: ['insert', 'update', 'rewrite', 'maintain'],
  statistics: ['maintain'],
};

/** pg_policy.polcmd. */
const policyEvents: Readonly<Record<string, readonly RelationEvent[]>> = {
  r: ['select'],
  a: ['insert'],
  w: ['update'],
  d: ['delete'],
  '*': ['select', 'insert', 'update', 'delete'],
};

function loadExpressions({ queries }: CatalogRows, { relations, types, functions }: CodeParts): void {
  const operatorFunctions = new Map(
    queries.operators.map((row) => [number(row[0]), number(row[6])] as const),
  );
  for (const [kind, on, command, isOperator, object, xmin] of queries.expressions) {
    const oid = flag(isOperator) ? operatorFunctions.get(number(object)) : number(object);
    const run = functions.get(oid ?? 0);
    const relation = relations.get(number(on));
    relation?.changedBy.push(text(xmin));
    if (run === undefined || isTrusted(run)) continue;
    if (kind === 'domain') types.get(number(on))?.checks.push(run);
    else if (kind !== 'policy') {
      relation?.code.push({ events: expressionEvents[text(kind)] ?? allEvents, function: run });
    }
    // A policy's function only chooses rows; one that is declared to change nothing is taken at its word.
    else if (relation?.rowSecurity === true && run.volatility === 'volatile') {
      relation.code.push({ events: policyEvents[text(command)] ?? allEvents, function: run });
    }
  }
}

const allEvents: readonly RelationEvent[] = [
  'select',
  'insert',
  'update',
  'delete',
  'truncate',
  'rewrite',
  'maintain',
];

/**
 * Functions by which values of a type are sorted, grouped and indexed. Where a statement does so only the planner knows: so they count as
 * run by whatever touches rows with such values.
 */
function loadComparisons(rows: CatalogResult, { relations, types, functions }: CodeParts): void {
  const comparing = new Map<number, CatalogFunction[]>();
  for (const [type, compared] of rows) {
    const run = functions.get(number(compared));
    if (run === undefined || isTrusted(run)) continue;
    comparing.set(number(type), [...(comparing.get(number(type)) ?? []), run]);
    types.get(number(type))?.checks.push(run);
  }
  if (comparing.size === 0) return;
  for (const relation of relations.values()) {
    for (const { type } of relation.columns) {
      const known = types.get(type);
      for (const part of [type, known?.base ?? 0, known?.element ?? 0]) {
        for (const run of comparing.get(part) ?? []) relation.code.push({ events: allEvents, function: run });
      }
    }
  }
}

/** Those that are not disabled. */
export function loadEventTriggers(
  rows: CatalogResult,
  functions: ReadonlyMap<number, CatalogFunction>,
): readonly EventTrigger[] {
  return rows.flatMap(([name, event, functionOid, tagsJson, xmin]) => {
    const run = functions.get(number(functionOid));
    if (run === undefined) return [];
    const tags: unknown = JSON.parse(tagsJson ?? 'null');
    return [
      {
        name: text(name),
        event: text(event),
        tags: Array.isArray(tags) ? tags.map(String) : null,
        function: run,
        isTrusted: isTrusted(run),
        version: `event trigger ${text(name)}@${text(xmin)}`,
      },
    ];
  });
}
