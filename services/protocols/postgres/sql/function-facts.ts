/**
 * Bodies of functions in SQL: where what they give comes from, and what they do with what they are passed. Rules decide about the call by
 * the function's name alone; the masks of columns that the body reads count with the call.
 */
import type { CreateFunctionStmt, Node } from 'libpg-query';
import type { OpaqueReason } from './analysis.ts';
import type { CatalogFunction, Relation } from './catalog.ts';
import { fieldsOf, relationOfType } from './columns.ts';
import type { Caller, Context, FunctionFacts } from './context.ts';
import { TooComplexError } from './errors.ts';
import { Findings } from './findings.ts';
import { asSelect, definitionOf, statementsOf, whenCalled, withOwnSettings } from './function-bodies.ts';
import { maxFunctionDepth } from './limits.ts';
import { listOf } from './nodes.ts';
import { parameterValue } from './parameters.ts';
import { type Columns, emptyScope, type RangeItem, Scope } from './scope.ts';
import { isTelling } from './telling-relations.ts';
import { anyType, typeOid } from './types.ts';
import {
  anything,
  computed,
  type Field,
  isParameter,
  type Source,
  type Sources,
  type Value,
  withType,
} from './value.ts';
import { definitionNames } from './views.ts';

/** Null for functions in other languages, and where the body cannot be read. */
export function functionFacts(one: CatalogFunction, context: Context): FunctionFacts | null {
  if (one.language !== 'sql' || one.definition === null) return null;
  const key = `${one.oid} ${context.running.key}`;
  const known = context.functionFacts.get(key);
  if (known !== undefined) return known;
  const place = context.callers.length;
  const first = context.callers.findIndex((caller) => caller.key === key);
  if (first >= 0) {
    for (const caller of context.callers.slice(first)) caller.callsAgain = Math.min(caller.callsAgain, first);
    return calledAgain;
  }
  if (place >= maxFunctionDepth) {
    throw new TooComplexError(`its functions call one another more than ${maxFunctionDepth} deep`);
  }
  const caller: Caller = { key, callsAgain: Number.POSITIVE_INFINITY };
  const body = readBody(one, { ...context, callers: [...context.callers, caller] });
  const facts = body !== null && caller.callsAgain <= place ? withoutTrace(body) : body;
  // What a part of a circle does is known when the whole of it is. Within a view, what leads back to that view looks unreadable.
  if (caller.callsAgain >= place && context.within.length === 0) context.functionFacts.set(key, facts);
  return facts;
}

/** What the call in the circle adds, the first one has already. */
const calledAgain: FunctionFacts = {
  columns: { fields: [], open: anything },
  strict: false,
  relations: [],
  versions: [],
  choices: [],
  guesses: [],
  untraced: [],
  asOwner: false,
  parameters: [],
};

/** One that calls itself is not followed: what it gives may be anything that it reads. */
const withoutTrace = (facts: FunctionFacts): FunctionFacts => ({
  ...facts,
  untraced:
    facts.untraced === 'anything'
      ? 'anything'
      : facts.relations.flatMap(({ columns }) => columns.map(({ text }) => text)),
});

function readBody(one: CatalogFunction, outer: Context): FunctionFacts | null {
  const statement = definitionOf(one, outer);
  const findings = new Findings();
  const context =
    statement === null ? null : withOwnSettings(statement, whenCalled({ ...outer, findings }, one));
  const nodes = statement === null || context === null ? null : statementsOf(statement, context);
  if (statement === null || context === null || nodes === null) return null;
  const parameters = inputsOf(statement);
  const values = parameters.map((_, position) => {
    const type = one.argumentTypes[position] ?? anyType;
    // Of anyelement and the like only a call says what it is.
    return parameterValue(position, context.types.get(type)?.kind === 'pseudo' ? anyType : type, context);
  });
  const named = parameters.map(({ name = '' }, at): Field => ({ name, value: values[at] ?? anything }));
  const scope = new Scope(null, [item(one.name, named, true), ...namedRows(named)]);
  const inside = { ...context, parameters: values };
  // The server has qualified the names of a body that is no text.
  const body = statement.sql_body === undefined ? inside : { ...inside, ...definitionNames };
  let columns: Columns = { fields: [], open: null };
  for (const node of nodes) columns = run(node, scope, body);
  const byDefault = parameters.map(({ defexpr }) =>
    defexpr === undefined
      ? anything
      : (run(asSelect(defexpr), emptyScope, context).fields[0]?.value ?? anything),
  );
  const counted = countedWith(one, relationOfType(one.returns, context));
  return {
    columns: withCounted(shaped(one, columns, context), counted),
    strict: listOf(statement.options).some((node) => 'DefElem' in node && node.DefElem.defname === 'strict'),
    relations: [...findings.relations()],
    versions: findings.versions(),
    choices: findings.choices().map(({ sources, stored }) => ({ sources: sources.map(counted), stored })),
    guesses: [...findings.guessesByParameters()].map(([comparison, asked]) => [
      comparison,
      { ...asked, sources: asked.sources.map(counted) },
    ]),
    untraced: untracedIn(findings),
    asOwner: one.securityDefiner || findings.runsAsOwner(),
    parameters: named.map(({ name }, at) => ({ name, byDefault: byDefault[at] ?? anything })),
  };
}

const inputsOf = ({ parameters }: CreateFunctionStmt) =>
  listOf(parameters).flatMap((node) => {
    if (!('FunctionParameter' in node)) return [];
    const { mode } = node.FunctionParameter;
    return mode === 'FUNC_PARAM_OUT' || mode === 'FUNC_PARAM_TABLE' ? [] : [node.FunctionParameter];
  });

const item = (name: string, fields: readonly Field[], columnsVisible: boolean): RangeItem => ({
  name,
  fields,
  open: null,
  relation: null,
  aliased: true,
  rowType: typeOid.record,
  columnsVisible,
  nameVisible: true,
});

/** `who.email`, where `who` is a parameter. */
const namedRows = (fields: readonly Field[]): readonly RangeItem[] =>
  fields.flatMap(({ name, value }) => (value.row === null ? [] : [item(name, value.row, false)]));

function run(node: Node, scope: Scope, context: Context): Columns {
  if (
    'SelectStmt' in node ||
    'InsertStmt' in node ||
    'UpdateStmt' in node ||
    'DeleteStmt' in node ||
    'MergeStmt' in node
  ) {
    return context.queries.query(node, scope, context);
  }
  context.queries.bodyStatement(node, scope, context);
  return { fields: [], open: null };
}

/** Whose rights count changes nothing about what is read. */
const aboutRights: ReadonlySet<OpaqueReason> = new Set(['security-definer']);

function untracedIn(findings: Findings): FunctionFacts['untraced'] {
  const isUnknown = findings.opaqueReasons().some((reason) => !aboutRights.has(reason));
  // What stands behind it would be looked up in another way.
  if (isUnknown || findings.changesSearchPath()) return 'anything';
  if ([...findings.relations()].some(({ text }) => isTelling(text))) return 'anything';
  return findings.allUntraced();
}

/** What the last statement gives, as the function has declared it. */
function shaped(one: CatalogFunction, { fields, open }: Columns, context: Context): Columns {
  if (one.returns === voidType) return { fields: [], open: null };
  const declared = declaredColumns(one, context);
  const [first] = fields;
  const all = (type: number): Value =>
    computed([...fields.map((field) => field.value), ...(open === null ? [] : [open])], type);
  if (declared === null) {
    if (one.returns !== typeOid.record) {
      const isOne = fields.length === 1 && first !== undefined && open === null;
      return scalar(isOne ? as(first.value, one.returns, context) : all(one.returns));
    }
    const row = fields.length === 1 && first !== undefined ? fieldsOf(first.value, context) : null;
    return { fields: row ?? fields, open };
  }
  const given = givenColumns(declared.length, { fields, open }, context);
  return {
    fields: declared.map(({ name, type }, at): Field => {
      const value = given?.[at]?.value;
      return { name, value: value === undefined ? all(type) : as(value, type, context) };
    }),
    open: null,
  };
}

/** RETURNS void. */
const voidType = 2278;

const scalar = (value: Value): Columns => ({ fields: [{ name: '', value }], open: null });

/** Null for one value, and for a record of which the body alone says what is in it. */
function declaredColumns(
  one: CatalogFunction,
  context: Context,
): readonly { readonly name: string; readonly type: number }[] | null {
  if (one.outputs !== null && one.outputs.length > 1) return one.outputs;
  const relation = one.outputs === null ? relationOfType(one.returns, context) : null;
  return relation?.columns.map(({ column, type }) => ({ name: column, type })) ?? null;
}

/** One by one, or as one row; of one column nobody knows which. */
function givenColumns(count: number, { fields, open }: Columns, context: Context): readonly Field[] | null {
  if (open !== null || count === 1) return null;
  if (fields.length === count) return fields;
  const [only] = fields;
  const row = fields.length === 1 && only !== undefined ? fieldsOf(only.value, context) : null;
  return row?.length === count ? row : null;
}

/** Brought to the declared type: still the same value, where that changes nothing about it. */
function as(value: Value, type: number, { types }: Context): Value {
  if (types.get(type)?.kind === 'pseudo') return value;
  const [from, to] = [types.base(value.type), types.base(type)];
  const isSame = from === to || (from === typeOid.varchar && to === typeOid.text);
  return isSame ? (value.row === null ? withType(value, type) : value) : computed([value], type);
}

/** Columns of the table whose rows it returns count as read from the table. */
function countedWith(one: CatalogFunction, returned: Relation | null): (source: Source) => Source {
  const countsWith = { verb: 'call', resource: one.text } as const;
  const known = new Map<Source, Source>();
  return (source) => {
    if (isParameter(source)) return source;
    if (source.countsWith === undefined && source.relationOid === returned?.oid) return source;
    const counted = known.get(source) ?? { ...source, countsWith };
    known.set(source, counted);
    return counted;
  };
}

const withCounted = ({ fields, open }: Columns, counted: (source: Source) => Source): Columns => ({
  fields: fields.map(({ name, value }) => ({ name, value: countedValue(value, counted) })),
  open: open === null ? null : countedValue(open, counted),
});

function countedValue(value: Value, counted: (source: Source) => Source): Value {
  const sources: Sources = value.sources.map(counted);
  const row = value.row?.map((field) => ({ name: field.name, value: countedValue(field.value, counted) }));
  return { ...value, sources, row: row ?? null };
}
