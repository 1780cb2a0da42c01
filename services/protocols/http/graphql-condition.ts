/** `graphql: {operations: [mutation], fields: [createRefund], arguments: {amount: {atMost: 50}}}`: rules on what GraphQL asks for. */
import { z } from 'zod';
import type { RuleOutcome } from '../../core/model/decision.ts';
import type { EffectCondition } from '../protocol.ts';
import { globMatcher } from '../requests/glob.ts';
import { asHttp } from './effect.ts';
import { fieldPath, namesOf, parseFieldPath } from './field-path.ts';
import { compileFieldValues, fieldValues } from './field-values.ts';
import { type GraphqlField, operationTypes, type SelectedFields } from './graphql-document.ts';

const fieldPaths = z.array(
  z.string().superRefine((text, context) => {
    const path = parseFieldPath(text);
    if ('fault' in path) context.addIssue({ code: 'custom', message: path.fault });
  }),
);

const graphqlSchema = z
  .strictObject({
    operations: z.array(z.enum(operationTypes)).min(1).exactOptional(),
    names: z.array(z.string().min(1).max(200)).min(1).exactOptional(),
    fields: fieldPaths.min(1).exactOptional(),
    arguments: fieldValues.exactOptional(),
  })
  .refine((asked) => Object.keys(asked).length > 0, {
    error: 'asks for nothing; write operations, names, fields or arguments',
  });
type Asked = z.output<typeof graphqlSchema>;
type FieldTest = (field: GraphqlField) => boolean;

/** Each effect of a GraphQL request is one field at the top of an operation. What could be GraphQL and cannot be read is not known to be anything. */
export const graphql: EffectCondition = {
  schema: graphqlSchema,
  compile(value: unknown, outcome: RuleOutcome) {
    const tests = fieldTests(graphqlSchema.parse(value), outcome);
    return (effect) => {
      const { graphql: asked } = asHttp(effect);
      switch (asked.kind) {
        case 'none':
          return false;
        case 'field':
          return (asked.certain || outcome !== 'allow') && tests.every((test) => test(asked.field));
        case 'unread':
          return outcome !== 'allow';
      }
    };
  },
};

function fieldTests(
  { operations, names, fields, arguments: values }: Asked,
  outcome: RuleOutcome,
): readonly FieldTest[] {
  const sure = outcome === 'allow';
  const tests: FieldTest[] = [];
  if (operations !== undefined) {
    // A look at the schema is a query too; it is allowed by its own word alone.
    tests.push(
      ({ operation }) =>
        operations.includes(operation) ||
        (!sure && operation === 'introspection' && operations.includes('query')),
    );
  }
  if (names !== undefined) {
    const matchers = names.map(globMatcher);
    tests.push(({ operationName }) =>
      operationName === null ? !sure : matchers.some((matches) => matches(operationName)),
    );
  }
  if (fields !== undefined) {
    const paths = fields.map((text) => namesOf(fieldPath(text)));
    const test = sure ? isCovered : isTouched;
    tests.push(({ name, below }) => test(paths, [name], below));
  }
  if (values !== undefined) {
    const matches = compileFieldValues(values, outcome);
    tests.push(({ arguments: given }) => (given === null ? !sure : matches(given)));
  }
  return tests;
}

type Names = (place: readonly string[]) => boolean;

const isNamed = (paths: readonly Names[], place: readonly string[]): boolean =>
  paths.some((names) => names(place));

/** Each field without others below it stands, or is below one that stands, in the list. */
function isCovered(paths: readonly Names[], place: readonly string[], below: SelectedFields): boolean {
  if (isNamed(paths, place)) return true;
  // The name of a type that is asked for in any case.
  if (below.size === 0) return place.length > 1 && place.at(-1) === '__typename';
  return [...below].every(([name, fields]) => isCovered(paths, [...place, name], fields));
}

/** Some field stands in the list. */
const isTouched = (paths: readonly Names[], place: readonly string[], below: SelectedFields): boolean =>
  isNamed(paths, place) || [...below].some(([name, fields]) => isTouched(paths, [...place, name], fields));
