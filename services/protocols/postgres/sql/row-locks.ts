import type { LockingClause, Node } from 'libpg-query';
import type { Relation } from './catalog.ts';
import { type Context, findRelation } from './context.ts';
import { listOf } from './nodes.ts';
import type { Scope } from './scope.ts';
import { viewFacts } from './views.ts';

/** FOR UPDATE and its like lock rows of the tables in FROM, in its sub-queries and behind its views. */
export function lockRows(clause: LockingClause, from: readonly Node[], scope: Scope, context: Context): void {
  const wanted = listOf(clause.lockedRels).flatMap((node) =>
    'RangeVar' in node ? [node.RangeVar.relname ?? ''] : [],
  );
  for (const item of scope.items) {
    if (wanted.length > 0 && !wanted.includes(item.name ?? '')) continue;
    if (item.relation !== null) lockRelation(item.relation, context);
  }
  const waiting = [...from];
  for (const node of waiting) {
    if ('JoinExpr' in node)
      waiting.push(...[node.JoinExpr.larg, node.JoinExpr.rarg].flatMap((side) => side ?? []));
    if (!('RangeSubselect' in node)) continue;
    const { alias, subquery } = node.RangeSubselect;
    if (wanted.length > 0 && !wanted.includes(alias?.aliasname ?? '')) continue;
    lockSubquery(subquery, scope, context);
  }
}

function lockSubquery(node: Node | undefined, scope: Scope, context: Context): void {
  if (node === undefined || !('SelectStmt' in node)) return;
  const waiting = [...listOf(node.SelectStmt.fromClause)];
  for (const inner of waiting) {
    if ('JoinExpr' in inner)
      waiting.push(...[inner.JoinExpr.larg, inner.JoinExpr.rarg].flatMap((side) => side ?? []));
    if ('RangeSubselect' in inner) lockSubquery(inner.RangeSubselect.subquery, scope, context);
    if (!('RangeVar' in inner)) continue;
    const { schemaname, relname } = inner.RangeVar;
    const isTable = schemaname !== undefined || scope.commonTable(relname ?? '') === null;
    const relation = isTable ? findRelation(context, schemaname, relname ?? '') : null;
    if (relation !== null) lockRelation(relation, context);
  }
}

export function lockRelation(relation: Relation, context: Context): void {
  context.findings.write('lock', relation, [], null);
  if (!relation.isView || relation.system) return;
  for (const inner of viewFacts(relation, context)?.findings.relations() ?? []) {
    context.findings.write('lock', inner, [], null);
  }
}
