/** A call of a function -> where what it gives comes from. */
import { noteUntraced } from './calls.ts';
import type { CatalogFunction } from './catalog.ts';
import { relationOfType } from './columns.ts';
import type { Argument, Context, FunctionFacts, FunctionOverload, WrittenCall } from './context.ts';
import { functionFacts } from './function-facts.ts';
import { argumentsOf, withArguments } from './parameters.ts';
import { isPure } from './pure-functions.ts';
import { anyType } from './types.ts';
import {
  anything,
  computed,
  type Field,
  isParameter,
  mergeSources,
  oneOf,
  rowOf,
  type Value,
} from './value.ts';

/** The value of a call of whichever of these it is. */
export function call(
  possible: readonly FunctionOverload[],
  written: WrittenCall,
  type: number,
  context: Context,
): Value {
  const values = possible.map(({ function: one }) => oneCall(one, written, type, context));
  const [only, ...more] = values;
  if (only === undefined) return computed(valuesOf(written), type);
  if (more.length === 0) return only;
  const count = only.row?.length;
  if (only.row === null || !more.every((value) => value.row?.length === count)) return computed(values, type);
  return rowOf(
    only.row.map(({ name }, at): Field => {
      const each = values.flatMap((value) => value.row?.[at]?.value ?? []);
      return { name, value: oneOf(each, each[0]?.type ?? anyType) };
    }),
    type,
  );
}

const valuesOf = (call: WrittenCall): readonly Value[] => [
  ...call.arguments.map((argument) => argument.value),
  ...call.others,
];

function oneCall(one: CatalogFunction, call: WrittenCall, type: number, context: Context): Value {
  // Whoever reads a body so asks only what is read.
  const facts = context.bodyDepth > 0 ? null : functionFacts(one, context);
  if (facts === null) {
    const values = valuesOf(call);
    noteUntraced(one, context);
    // What it does with them, nobody here knows: send them, store them, set them.
    if (one.volatility === 'volatile' && !isPureBuiltIn(one)) context.findings.store(mergeSources(values));
    return untracedResult(one, values, type, context);
  }
  const passed = bound(one, facts, call);
  note(one, facts, passed, call, context);
  return result(facts, passed, type, context);
}

const isPureBuiltIn = ({ schema, name }: CatalogFunction): boolean => schema === 'pg_catalog' && isPure(name);

/** For a table's rows, the table's columns beside the arguments. */
function untracedResult(
  one: CatalogFunction,
  values: readonly Value[],
  type: number,
  context: Context,
): Value {
  const value = computed(values, type);
  const relation = one.schema === 'pg_catalog' ? null : relationOfType(type, context);
  if (relation === null) return value;
  context.findings.touch(relation);
  const { fields } = context.queries.relationColumns(relation, false, context);
  return rowOf(
    fields.map((field) => ({
      name: field.name,
      value: values.length === 0 ? field.value : computed([field.value, value], field.value.type),
    })),
    type,
  );
}

/** By the parameter's position. */
function bound(one: CatalogFunction, { parameters }: FunctionFacts, call: WrittenCall): readonly Argument[] {
  const given = call.arguments;
  const all: Argument = {
    name: null,
    value: computed(
      given.map(({ value }) => value),
      anyType,
    ),
    written: false,
  };
  // A procedure's OUT parameters stand among its arguments.
  if (
    one.kind !== 'function' ||
    given.some(({ name }) => name !== null && !parameters.some((each) => each.name === name))
  )
    return parameters.map(() => all);
  const listed = given.filter(({ name }) => name === null);
  const spread = one.variadic !== 0 && call.positional;
  return parameters.map(({ name, byDefault }, at): Argument => {
    if (spread && at === parameters.length - 1) {
      const rest = listed.slice(at).map(({ value }) => value);
      return { name, value: computed(rest, one.argumentTypes[at] ?? anyType), written: false };
    }
    const argument = listed[at] ?? given.find((each) => each.name === name);
    return argument ?? { name, value: byDefault, written: true };
  });
}

/** What the body does with what it reads and is passed. */
function note(
  one: CatalogFunction,
  facts: FunctionFacts,
  passed: readonly Argument[],
  { node }: WrittenCall,
  context: Context,
): void {
  const { findings, budget } = context;
  const given = passed.map(({ value }) => value);
  budget.spend(facts.choices.length + facts.guesses.length + facts.relations.length);
  findings.readByCall(one, facts.relations);
  for (const version of facts.versions) findings.version(version);
  findings.untraced(one, facts.untraced);
  if (facts.asOwner) findings.asOwner(one);
  for (const { sources, stored } of facts.choices) {
    const own = sources.filter((source) => !isParameter(source));
    const all = [...own, ...mergeSources(argumentsOf(sources, given, context))];
    if (stored) findings.store(all);
    else findings.condition(all);
  }
  for (const [comparison, asked] of facts.guesses) {
    const { sources, by } = asked;
    const isWritten = by.every((source) => passed[source.parameter?.position ?? -1]?.written === true);
    const from = mergeSources(argumentsOf(by, given, context));
    if (isWritten) findings.guess(guessAt(node, comparison), sources, asked, from.filter(isParameter));
    else findings.condition([...sources, ...from]);
  }
}

/** The comparison as this call makes it: a query that is looked at several times has one such call. */
const guesses = new WeakMap<object, WeakMap<object, object>>();

function guessAt(call: object, comparison: object): object {
  const ofCall = guesses.get(call) ?? new WeakMap<object, object>();
  guesses.set(call, ofCall);
  const known = ofCall.get(comparison) ?? {};
  ofCall.set(comparison, known);
  return known;
}

function result(facts: FunctionFacts, passed: readonly Argument[], type: number, context: Context): Value {
  const given = passed.map(({ value }) => value);
  const { fields, open } = facts.columns;
  const mayBeNull = facts.strict && given.some(({ sources }) => sources.length > 0);
  const withNull = (value: Value): Value => (mayBeNull ? computed([value, ...given], value.type) : value);
  const shown = fields.map(
    ({ name, value }): Field => ({ name, value: withNull(withArguments(value, given, context)) }),
  );
  const [only] = shown;
  if (open !== null)
    return computed([withArguments(open, given, context), ...shown.map(({ value }) => value)], type);
  if (only === undefined)
    return mayBeNull ? computed(given, type) : anything.type === type ? anything : computed([], type);
  // One value has no name.
  if (shown.length === 1 && only.name === '')
    return only.value.row === null && type !== anyType ? { ...only.value, type } : only.value;
  return rowOf(shown, type);
}
