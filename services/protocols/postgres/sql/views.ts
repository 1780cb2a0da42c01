import type { Relation } from './catalog.ts';
import { type Context, findRelation, type ViewFacts } from './context.ts';
import { TooComplexError } from './errors.ts';
import { Findings } from './findings.ts';
import { maxViewDepth } from './limits.ts';
import type { NodeBody } from './nodes.ts';
import { relationFields } from './relation-fields.ts';
import { type Columns, emptyScope } from './scope.ts';
import { computed, type Field, rowOf } from './value.ts';

/** Definitions are printed with every name outside pg_catalog qualified. */
const definitionPaths = [['pg_catalog']] as const;
const definitionPathKey = JSON.stringify(definitionPaths);

export const inDefinition = (context: Context, findings: Findings, within: readonly Relation[]): Context => ({
  ...context,
  paths: definitionPaths,
  pathKey: definitionPathKey,
  findings,
  within,
});

/** What a view's definition reads and gives, worked out once for each catalog; null when it cannot be read. */
export function viewFacts(view: Relation, context: Context): ViewFacts | null {
  const known = context.views.get(view.oid);
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
  context.views.set(view.oid, facts);
  return facts;
}

/** The definition's columns, by position, beside the view's own: a mask may name either. */
function viewColumns(view: Relation, { fields, open }: Columns): Columns {
  const known = open === null && fields.length === view.columns.length;
  const everything = rowOf(fields, 0);
  return {
    open: null,
    fields: view.columns.map((column, at): Field => {
      const inner = known ? (fields[at]?.value ?? everything) : computed([everything], column.type);
      const derived = inner.derived && inner.sources.length > 0;
      return {
        name: column.column,
        value: { sources: [column, ...inner.sources], derived, type: column.type, row: null },
      };
    }),
  };
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
