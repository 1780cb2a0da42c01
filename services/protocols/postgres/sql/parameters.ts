/** Parameters of the function whose body is analysed. What a call passes takes their place afterwards, so a body is analysed once. */
import { fieldsOf, relationOfType } from './columns.ts';
import type { Context } from './context.ts';
import { fieldNamed } from './scope.ts';
import { anyType } from './types.ts';
import {
  computed,
  type Field,
  isParameter,
  type ParameterPart,
  rowOf,
  type Source,
  type Value,
} from './value.ts';

export function parameterValue(position: number, type: number, context: Context): Value {
  const relation = relationOfType(type, context);
  if (relation === null) return single({ position, field: null }, type);
  const fields = relation.columns.map(
    ({ column, type: columnType }): Field => ({
      name: column,
      value: single({ position, field: column }, columnType),
    }),
  );
  return rowOf(fields, type);
}

const single = (parameter: ParameterPart, type: number): Value => ({
  sources: [sourceOf(parameter, type)],
  derived: false,
  type,
  row: null,
});

const sourceOf = (parameter: ParameterPart, type: number): Source => ({
  relation: '',
  relationOid: 0,
  column: parameter.field ?? '',
  attributeNumber: 0,
  text: '',
  type,
  deterministic: true,
  parameter,
});

/** The value with what is passed in the place of parameters. */
export function withArguments(value: Value, given: readonly Value[], context: Context): Value {
  context.budget.spend(1);
  if (value.row !== null) {
    return rowOf(
      value.row.map((field) => ({ name: field.name, value: withArguments(field.value, given, context) })),
      value.type,
    );
  }
  const [first] = value.sources;
  if (first === undefined) return value;
  if (!value.derived && value.sources.length === 1 && isParameter(first)) {
    const passed = argumentOf(first.parameter, given, context);
    // Its value is brought to the parameter's type.
    return value.type === passed.type || value.type === anyType ? passed : computed([passed], value.type);
  }
  const passed = argumentsOf(value.sources, given, context);
  if (passed.length === 0) return value;
  const own = value.sources.filter((source) => !isParameter(source));
  return computed([{ sources: own, derived: true, type: anyType, row: null }, ...passed], value.type);
}

/** What is passed for the parameters among these. */
export const argumentsOf = (
  sources: readonly Source[],
  given: readonly Value[],
  context: Context,
): readonly Value[] =>
  sources.flatMap((source) => (isParameter(source) ? [argumentOf(source.parameter, given, context)] : []));

function argumentOf({ position, field }: ParameterPart, given: readonly Value[], context: Context): Value {
  const passed = given[position] ?? computed(given, anyType);
  if (field === null) return passed;
  const fields = fieldsOf(passed, context);
  return (fields === null ? undefined : fieldNamed(fields, field)) ?? computed([passed], anyType);
}
