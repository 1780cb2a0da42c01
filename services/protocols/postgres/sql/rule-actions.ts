import type { Node } from 'libpg-query';
import { type Context, findRelation } from './context.ts';
import { relationItem } from './from.ts';
import { listOf } from './nodes.ts';
import { type RangeItem, Scope } from './scope.ts';
import { inDefinition } from './views.ts';

/** Notes what the actions of CREATE RULE do: the statements that the server would run instead or as well. */
export function noteRuleStatement(node: Extract<Node, { RuleStmt: unknown }>, context: Context): void {
  const { relation: range, actions, whereClause } = node.RuleStmt;
  const relation = findRelation(context, range?.schemaname, range?.relname ?? '');
  const rows = ['old', 'new'].map((name): RangeItem | null =>
    relation === null || range === undefined
      ? null
      : { ...relationItem(relation, range, context), name, aliased: true, columnsVisible: false },
  );
  const scope = new Scope(
    null,
    rows.flatMap((row) => row ?? []),
  );
  const statements = [...listOf(actions), ...(whereClause === undefined ? [] : [asSelect(whereClause)])];
  for (const action of statements) {
    // An action may also be NOTIFY, which the rule's own opaque reason stands for.
    if ('NotifyStmt' in action)
      context.findings.object('notify', null, action.NotifyStmt.conditionname ?? '');
    else context.queries.query(action, scope, context);
  }
}

const asSelect = (whereClause: Node): Node => ({ SelectStmt: { op: 'SETOP_NONE', whereClause } });

/** The same for a rule of the catalog (pg_get_ruledef). */
export function noteRuleActions(definition: string, context: Context): void {
  const parsed = context.parse(definition);
  const statement = parsed.kind === 'parsed' ? parsed.statements[0]?.stmt : undefined;
  if (statement === undefined || !('RuleStmt' in statement)) return;
  noteRuleStatement(statement, inDefinition(context, context.findings, context.within));
}
