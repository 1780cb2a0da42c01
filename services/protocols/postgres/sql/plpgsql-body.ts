/** What a body in PL/pgSQL does: each SQL text in it is analysed as a statement of its own, with the body's variables around it. */
import type { Node } from 'libpg-query';
import { noteCoercion, noteType, resolveType } from './calls.ts';
import { relationOfType } from './columns.ts';
import { type Context, findRelation } from './context.ts';
import { TooComplexError } from './errors.ts';
import { maxNesting, maxPlpgsqlBytes, maxPlpgsqlTokens } from './limits.ts';
import { measure } from './measure.ts';
import { listOf } from './nodes.ts';
import {
  type PlpgsqlBody,
  type PlpgsqlHead,
  type PlpgsqlText,
  type PlpgsqlVariable,
  readPlpgsql,
} from './plpgsql-parse.ts';
import { assignmentAt } from './plpgsql-tokens.ts';
import { type Columns, emptyScope, type RangeItem, Scope } from './scope.ts';
import { anyType, typeOid } from './types.ts';
import { anything, constant, type Field } from './value.ts';

export interface PlpgsqlFunction extends PlpgsqlHead {
  /** What its parameters can be called by, too; null of a DO block. */
  readonly name: string | null;
  readonly fields: readonly Field[];
  /** What it gives back; anyType where that is nothing, or not known. */
  readonly returnType: number;
}

/** False where the body cannot be read: it may then do anything. */
export function notePlpgsql(made: PlpgsqlFunction, source: string, context: Context): boolean {
  if (Buffer.byteLength(source) > maxPlpgsqlBytes) return false;
  const { tokens, nesting } = measure(source);
  if (tokens > maxPlpgsqlTokens || nesting > maxNesting) return false;
  if (tokens > context.plpgsqlTokens) throw new TooComplexError('a body in it is large');
  context.budget.spend(tokens);
  const types = new DeclaredTypes(context);
  const body = readPlpgsql(made, source, (type) => types.isRow(type));
  if (body === null) return false;
  if (body.fetchesUnknown) context.findings.opaque('unknown-name');
  const declared = body.variables.map((variable) => ({ ...variable, oid: types.of(variable) }));
  const assigned = new Set([made.returnType, ...declared.map(({ oid }) => oid)]);
  for (const type of assigned) if (type !== anyType) noteType(context, type);
  const scope = scopeOf(made, body, declared, context);
  for (const text of body.texts) {
    const { fields, open } = columnsOf(text, scope, context);
    if (context.catalog.foreignCasts.length === 0) continue;
    // Which value goes to which variable is not followed.
    const given = [...fields.map(({ value }) => value.type), ...(open === null ? [] : [anyType])];
    for (const from of given) for (const to of assigned) noteCoercion(context, from, to, 'assignment');
  }
  return true;
}

interface Declared extends PlpgsqlVariable {
  readonly oid: number;
}

/** The types that variables are declared with, each looked up once. */
class DeclaredTypes {
  readonly #context: Context;
  readonly #known = new Map<string, number>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** anyType where no declaration says it, or only another variable does. */
  of({ type }: PlpgsqlVariable): number {
    if (type === null || type === 'record') return anyType;
    let oid = this.#known.get(type);
    if (oid === undefined) {
      oid = this.#find(type);
      this.#known.set(type, oid);
    }
    return oid;
  }

  /** A name that is not known may be one of a table that is made meanwhile. */
  isRow(type: string): boolean {
    const oid = this.of({ name: '', type, isRow: true });
    return oid === anyType || relationOfType(oid, this.#context) !== null;
  }

  #find(type: string): number {
    const context = this.#context;
    const copied = /^(.*)%type$/is.exec(type)?.[1];
    if (copied !== undefined) return typeOfColumn(copied, context);
    const parsed = context.parse(`SELECT NULL::${type}`);
    const [only, ...more] = parsed.kind === 'parsed' ? parsed.statements : [];
    const target =
      only?.stmt !== undefined && 'SelectStmt' in only.stmt
        ? only.stmt.SelectStmt.targetList?.[0]
        : undefined;
    const value = target !== undefined && 'ResTarget' in target ? target.ResTarget.val : undefined;
    if (value === undefined || !('TypeCast' in value) || more.length > 0) {
      context.findings.opaque('unknown-type');
      return anyType;
    }
    return resolveType(context, value.TypeCast.typeName);
  }
}

/** `app.users.email` of `app.users.email%TYPE`; anyType of a variable. */
function typeOfColumn(name: string, context: Context): number {
  const parsed = context.parse(`SELECT ${name}`);
  const statement = parsed.kind === 'parsed' ? parsed.statements[0]?.stmt : undefined;
  const target =
    statement !== undefined && 'SelectStmt' in statement ? statement.SelectStmt.targetList?.[0] : undefined;
  const value = target !== undefined && 'ResTarget' in target ? target.ResTarget.val : undefined;
  if (value === undefined || !('ColumnRef' in value)) return anyType;
  const parts = listOf(value.ColumnRef.fields).flatMap((part) =>
    'String' in part ? [part.String.sval ?? ''] : [],
  );
  const relation = findRelation(context, parts.at(-3), parts.at(-2) ?? '');
  return relation?.column(parts.at(-1) ?? '')?.type ?? anyType;
}

/** Variables of all blocks at once: of those that share a name, the type is not known. */
function scopeOf(
  made: PlpgsqlFunction,
  body: PlpgsqlBody,
  declared: readonly Declared[],
  context: Context,
): Scope {
  const values = new Map(made.fields.map(({ name, value }) => [name, value]));
  const rows = new Map<string, Columns>();
  const parameters = new Set(values.keys());
  for (const { name, oid, type } of declared) {
    // Parameters are among the variables, without their types.
    if (type === null && parameters.has(name)) continue;
    const known = values.get(name);
    const value = oid === anyType ? anything : constant(oid);
    values.set(name, known === undefined || known === value ? value : anything);
  }
  for (const name of body.aliases) values.set(name, anything);
  for (const [name, value] of values) {
    const relation = value.type === anyType ? null : relationOfType(value.type, context);
    const fields = relation?.columns.map((column) => ({ name: column.column, value: constant(column.type) }));
    if (fields !== undefined || value.type === anyType)
      rows.set(name, { fields: fields ?? [], open: fields === undefined ? anything : null });
  }
  const fields = [...values].map(([name, value]) => ({ name, value }));
  const everything: Columns = { fields, open: null };
  const labels = [...body.labels, ...(made.name === null ? [] : [made.name])];
  const items: readonly RangeItem[] = [
    variable(null, everything, true),
    ...[...rows].map(([name, columns]) => variable(name, columns, false)),
    ...labels.map((label) => variable(label, everything, false)),
  ];
  const names = new Set([...values.keys(), ...labels]);
  return new Scope(null, items, undefined, { names, items });
}

const variable = (name: string | null, { fields, open }: Columns, columnsVisible: boolean): RangeItem => ({
  name,
  fields,
  open,
  relation: null,
  aliased: true,
  rowType: typeOid.record,
  columnsVisible,
  nameVisible: name !== null,
});

const nothing: Columns = { fields: [], open: null };

function columnsOf({ kind, text }: PlpgsqlText, scope: Scope, context: Context): Columns {
  switch (kind) {
    case 'statement':
      return statements(text, 1, scope, context);
    case 'expression':
      return expression(text, scope, context);
    case 'assignment': {
      const at = assignmentAt(text);
      if (at === null) return unread(context);
      // Only the subscripts of what is assigned to are evaluated.
      if (at.target.includes('[')) expression(at.target, scope, context);
      return expression(at.value, scope, context);
    }
    case 'dynamic':
      return dynamic(text, scope, context);
  }
}

function unread(context: Context): Columns {
  context.findings.opaque('unknown-statement');
  return nothing;
}

function statements(text: string, most: number, scope: Scope, context: Context): Columns {
  const parsed = context.parse(text);
  if (parsed.kind !== 'parsed' || parsed.statements.length > most) return unread(context);
  let columns = nothing;
  for (const { stmt } of parsed.statements) {
    if (stmt !== undefined) columns = context.queries.bodyStatement(stmt, scope, context);
  }
  return columns;
}

function expression(text: string, scope: Scope, context: Context): Columns {
  const node = selected(text, context);
  return node === null ? unread(context) : context.queries.bodyStatement(node, scope, context);
}

/** PL/pgSQL evaluates an expression as SELECT and its text, which may go on with FROM. */
function selected(text: string, context: Context): Extract<Node, { SelectStmt: unknown }> | null {
  const parsed = context.parse(`SELECT ${text}`);
  const [only, ...more] = parsed.kind === 'parsed' ? parsed.statements : [];
  const node = only?.stmt;
  return node !== undefined && 'SelectStmt' in node && more.length === 0 ? node : null;
}

/** EXECUTE of a constant is the statement that it says, without the body's variables. */
function dynamic(text: string, scope: Scope, context: Context): Columns {
  const node = selected(text, context);
  const [target, ...more] = node?.SelectStmt.targetList ?? [];
  const value = target !== undefined && 'ResTarget' in target ? target.ResTarget.val : undefined;
  const isAlone =
    more.length === 0 && Object.keys(node?.SelectStmt ?? {}).every((part) => ofLoneValue.has(part));
  const written = isAlone && value !== undefined && 'A_Const' in value ? value.A_Const.sval?.sval : undefined;
  if (written !== undefined) return statements(written, Infinity, emptyScope, context);
  context.findings.opaque('dynamic-sql');
  if (node === null) return unread(context);
  context.queries.bodyStatement(node, scope, context);
  return nothing;
}

/** What the parser says of `SELECT 'x'`. */
const ofLoneValue: ReadonlySet<string> = new Set(['targetList', 'limitOption', 'op']);
