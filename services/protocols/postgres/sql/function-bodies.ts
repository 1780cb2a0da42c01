/**
 * What the body of a function in SQL does once it is called, for whoever approves its making. Told only: making it stays opaque, since
 * it will be called by others, with other rights and another search path.
 */
import type { CreateFunctionStmt, Node } from 'libpg-query';
import { resolveType } from './calls.ts';
import type { Context } from './context.ts';
import { Findings } from './findings.ts';
import { itemsOf, listOf, strings } from './nodes.ts';
import { Scope } from './scope.ts';
import { typeOid } from './types.ts';
import { constant, type Field } from './value.ts';

export function noteBody(statement: CreateFunctionStmt, context: Context): void {
  const nodes = statementsOf(statement, context);
  if (nodes.length === 0) return;
  const findings = new Findings();
  const inner: Context = { ...context, findings };
  const scope = new Scope(null, [
    {
      name: strings(statement.funcname).at(-1) ?? null,
      fields: parametersOf(statement, inner),
      open: null,
      relation: null,
      aliased: true,
      rowType: typeOid.record,
      columnsVisible: true,
      nameVisible: true,
    },
  ]);
  for (const node of nodes) {
    if (isQuery(node)) context.queries.query(node, scope, inner);
    else findings.opaque('unknown-statement');
  }
  const tell = (what: string): void => context.findings.consequence(`once it is called: ${what}`);
  for (const { verb, resource } of findings.effects()) tell(`${verb} ${resource}`);
  for (const consequence of findings.consequences()) tell(consequence);
  const reasons = findings.opaqueReasons();
  if (reasons.length > 0) tell(`what is not understood (${reasons.join(', ')})`);
}

/** Of a body in SQL, as text or as RETURN and BEGIN ATOMIC have it; none of one in another language. */
function statementsOf({ sql_body: body, options }: CreateFunctionStmt, context: Context): readonly Node[] {
  if (body !== undefined && 'ReturnStmt' in body) return [asSelect(body.ReturnStmt.returnval)];
  if (body !== undefined) return itemsOf(body).flatMap(itemsOf);
  const option = (name: string): Node | undefined =>
    listOf(options).flatMap((node) =>
      'DefElem' in node && node.DefElem.defname === name ? (node.DefElem.arg ?? []) : [],
    )[0];
  const language = option('language');
  if (language === undefined || !('String' in language) || language.String.sval?.toLowerCase() !== 'sql')
    return [];
  const [text] = itemsOf(option('as'));
  if (text === undefined || !('String' in text)) return [];
  const parsed = context.parse(text.String.sval ?? '');
  return parsed.kind === 'parsed' ? parsed.statements.flatMap(({ stmt }) => stmt ?? []) : [];
}

const asSelect = (returned: Node | undefined): Node => ({
  SelectStmt: {
    op: 'SETOP_NONE',
    targetList: [{ ResTarget: returned === undefined ? {} : { val: returned } }],
  },
});

const isQuery = (node: Node): boolean =>
  'SelectStmt' in node ||
  'InsertStmt' in node ||
  'UpdateStmt' in node ||
  'DeleteStmt' in node ||
  'MergeStmt' in node;

const parametersOf = (statement: CreateFunctionStmt, context: Context): readonly Field[] =>
  listOf(statement.parameters).flatMap((node) => {
    if (!('FunctionParameter' in node)) return [];
    const { name, argType } = node.FunctionParameter;
    return [{ name: name ?? '', value: constant(resolveType(context, argType)) }];
  });
