import type { Relation } from './catalog.ts';
import { type Context, findRelation, type ViewFacts } from './context.ts';
import { TooComplexError } from './errors.ts';
import { Findings } from './findings.ts';
import { maxViewDepth } from './limits.ts';
import type { NodeBody } from './nodes.ts';
import { relationFields } from './relation-fields.ts';
import { type Columns, emptyScope } from './scope.ts';
import { computed, type Field, rowOf, type Source, type Value } from './value.ts';

/** Definitions are printed with every name outside pg_catalog qualified. */
const definitionPaths = [['pg_catalog']] as const;
const definitionPathKey = JSON.stringify(definitionPaths);

export const definitionNames = { paths: definitionPaths, pathKey: definitionPathKey };

export const inDefinition = (context: Context, findings: Findings, within: readonly Relation[]): Context => ({
  ...context,
  ...definitionNames,
  findings,
  within,
  // A view is the same whoever reads it.
  parameters: null,
  bodyDepth: 0,
});

/** What a view's definition reads and gives, worked out once for each catalog; null when it cannot be read. */
export function viewFacts(view: Relation, context: Context): ViewFacts | null {
  const key = `${view.oid} ${context.running.key}`;
  const known = context.views.get(key);
  if (known !== undefined) return known;
  const { definition } = view;
  // A view within itself can only be a catalog that changed while it was read.
  if (definition === null || context.within.includes(view)) return null;
  if (context.within.length >= maxViewDepth) {
    throw new TooComplexError(`its views stand more than ${maxViewDepth} deep within one another`);
  }
  const parsed = context.parse(definition);
  if (parsed.kind !== 'parsed') return null;
  const statement = parsed.statements[0]?.stmt;
  if (statement === undefined || !('SelectStmt' in statement)) return null;
  const inner = inDefinition(context, new Findings(), [...context.within, view]);
  const columns = context.queries.query(statement, emptyScope, inner);
  const facts: ViewFacts = {
    columns: viewColumns(view, columns),
    findings: inner.findings,
    base: onlyRelation(statement.SelectStmt, inner),
  };
  // What a part of a circle of functions does is known when the whole of it is.
  if (context.callers.every((caller) => caller.callsAgain === Number.POSITIVE_INFINITY)) {
    context.views.set(key, facts);
  }
  return facts;
}

/** The definition's columns, by position, beside the view's own: a mask may name either. */
function viewColumns(view: Relation, { fields, open }: Columns): Columns {
  const known = open === null && fields.length === view.columns.length;
  const everything = rowOf(fields, 0);
  const asShown = view.kind === 'materialized view' ? countedWith(view) : (value: Value) => value;
  return {
    open: null,
    fields: view.columns.map((column, at): Field => {
      const inner = asShown(known ? (fields[at]?.value ?? everything) : computed([everything], column.type));
      const derived = inner.derived && inner.sources.length > 0;
      return {
        name: column.column,
        value: { sources: [column, ...inner.sources], derived, type: column.type, row: null },
      };
    }),
  };
}

/** What functions read when a materialized view was filled counts with reading the view: they are not called again. */
function countedWith(view: Relation): (value: Value) => Value {
  const countsWith = { verb: 'select', resource: view.text } as const;
  const known = new Map<Source, Source>();
  const counted = (source: Source): Source => {
    if (source.countsWith?.verb !== 'call') return source;
    const one = known.get(source) ?? { ...source, countsWith };
    known.set(source, one);
    return one;
  };
  return (value) => ({ ...value, sources: value.sources.map(counted) });
}

function onlyRelation(select: NodeBody<'SelectStmt'>, context: Context): Relation | null {
  const [from, ...more] = select.fromClause ?? [];
  if (from === undefined || more.length > 0 || !('RangeVar' in from)) return null;
  return findRelation(context, from.RangeVar.schemaname, from.RangeVar.relname ?? '');
}

/** A relation's columns; a view's with what its definition says of them. */
export function relationColumns(relation: Relation, only: boolean, context: Context): Columns {
  if (relation.isView && !relation.system) {
    const facts = viewFacts(relation, context);
    if (facts !== null) return facts.columns;
  }
  return { fields: relationFields(relation, context, only), open: null };
}
