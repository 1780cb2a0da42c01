import type { Node } from 'libpg-query';
import { columnName } from './column-names.ts';
import { starColumns } from './columns.ts';
import type { Context } from './context.ts';
import { evaluate, literalAsText } from './expressions.ts';
import { maxOutputColumns } from './limits.ts';
import { listOf } from './nodes.ts';
import type { Columns, Scope } from './scope.ts';
import { anyType } from './types.ts';
import { computed, type Field, type Value, withType } from './value.ts';

/** Output columns: of a select list, or of RETURNING. */
export function targetList(nodes: readonly Node[] | undefined, scope: Scope, context: Context): Columns {
  const fields: Field[] = [];
  const open: Value[] = [];
  const add = (columns: Columns): void => {
    fields.push(...columns.fields);
    if (columns.open !== null) open.push(columns.open);
    if (fields.length > maxOutputColumns) {
      // The server refuses it, so nothing is lost; here it would double with every WITH.
      fields.length = maxOutputColumns;
      context.findings.opaque('unknown-column');
    }
  };
  for (const node of listOf(nodes)) {
    if (!('ResTarget' in node)) continue;
    const { name, val } = node.ResTarget;
    const star = starColumns(val, scope, context, evaluate);
    if (star !== null) add(star);
    else {
      const value = evaluate(val, scope, context);
      fields.push({ name: name ?? columnName(val), value: withType(value, literalAsText(value.type)) });
    }
  }
  return { fields, open: open.length === 0 ? null : computed(open, anyType) };
}
