import { z } from 'zod';
import type { Parameter } from '../../model/action.ts';
import { messageOf } from '../../model/errors.ts';
import { maxListItems, maxParameterPosition } from '../limits.ts';
import { listText, strict } from '../shapes.ts';
import { and, no, or, type Truth, truthOf, unknown, yes } from '../truth.ts';
import type { DynamicCondition } from './dynamic.ts';
import { LinearExpression } from './linear-expression.ts';

const expression = z
  .string({ error: 'must be a regular expression, as text' })
  .transform((pattern, context) => {
    try {
      return new LinearExpression(pattern);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
      context.addIssue({
        code: 'custom',
        message: `is not a usable regular expression: ${messageOf(error)}`,
      });
      return z.NEVER;
    }
  });

const bound = z
  .number()
  .min(Number.MIN_SAFE_INTEGER, { error: 'is a larger number than JavaScript holds exactly' })
  .max(Number.MAX_SAFE_INTEGER, { error: 'is a larger number than JavaScript holds exactly' });

const parameterSchema = strict({
  oneOf: z
    .array(z.union([z.string(), bound, z.null()], { error: 'must be text, a number or null' }))
    .max(maxListItems)
    .exactOptional(),
  matches: expression.exactOptional(),
  atLeast: bound.exactOptional(),
  atMost: bound.exactOptional(),
}).refine((asked) => Object.keys(asked).length > 0, {
  error: 'asks for nothing; write oneOf, matches, atLeast or atMost',
});
type ParameterCondition = z.output<typeof parameterSchema>;

/** By position, from 1. */
export const parametersSchema = z.record(
  z
    .string()
    .regex(/^[1-9]\d{0,4}$/, { error: 'must be the position of a parameter: 1, 2, 3, ...' })
    .refine((position) => Number(position) <= maxParameterPosition, {
      error: `is over the highest position, ${maxParameterPosition}`,
    }),
  parameterSchema,
);
export type Parameters = z.output<typeof parametersSchema>;

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;

/** Digits that a double holds exactly, whatever the number (IEEE 754 binary64). */
const exactDigits = 15;

/** -1, 0 or 1 as the number in `text` is below, at or above `limit`; null when that cannot be said for sure. */
function compare(text: string, limit: number): -1 | 0 | 1 | null {
  const trimmed = text.trim();
  // `NaN`, `Infinity`, `0x10` and `1_000` are numbers to one database and not to another.
  if (!decimal.test(trimmed)) return null;
  const value = Number(trimmed);
  if (value < limit) return -1;
  if (value > limit) return 1;
  // Rounding keeps the order, so only what rounds to the limit itself may in truth lie beside it.
  const digits = trimmed
    .replace(/[eE].*$/, '')
    .replace(/\D/g, '')
    .replace(/^0+/, '');
  return digits.length <= exactDigits ? 0 : null;
}

function equals(text: string, wanted: string | number | null): Truth {
  if (wanted === null) return no;
  if (typeof wanted === 'string') return truthOf(text === wanted);
  const order = compare(text, wanted);
  return order === null ? unknown : truthOf(order === 0);
}

function parameterTruth(asked: ParameterCondition, parameter: Parameter | undefined): Truth {
  // The value may stand in the text instead, where nobody has looked for it.
  if (parameter === undefined) return unknown;
  const { text } = parameter;
  if (text === null) {
    const onlyList = asked.matches === undefined && asked.atLeast === undefined && asked.atMost === undefined;
    return truthOf(onlyList && asked.oneOf?.includes(null) === true);
  }
  let truth = yes;
  if (asked.oneOf !== undefined) {
    truth = and(truth, asked.oneOf.map((wanted) => equals(text, wanted)).reduce(or, no));
  }
  if (asked.matches !== undefined) {
    const matched = asked.matches.matches(text);
    truth = and(truth, matched === null ? unknown : truthOf(matched));
  }
  if (asked.atLeast !== undefined) {
    const order = compare(text, asked.atLeast);
    truth = and(truth, order === null ? unknown : truthOf(order >= 0));
  }
  if (asked.atMost !== undefined) {
    const order = compare(text, asked.atMost);
    truth = and(truth, order === null ? unknown : truthOf(order <= 0));
  }
  return truth;
}

function askedText(position: number, asked: ParameterCondition): string {
  const parts: string[] = [];
  if (asked.oneOf) parts.push(`one of ${listText(asked.oneOf.map(String))}`);
  if (asked.matches) parts.push(`matching ${asked.matches.pattern}`);
  if (asked.atLeast !== undefined) parts.push(`at least ${asked.atLeast}`);
  if (asked.atMost !== undefined) parts.push(`at most ${asked.atMost}`);
  return `parameter ${position} ${parts.join(' and ')}`;
}

/** Whether no value at all can meet the condition. */
export const asksTheImpossible = (parameters: Parameters): boolean =>
  Object.values(parameters).some(
    (asked) =>
      asked.oneOf?.length === 0 ||
      (asked.atLeast !== undefined && asked.atMost !== undefined && asked.atLeast > asked.atMost),
  );

export function compileParameters(parameters: Parameters): DynamicCondition {
  const asked = Object.entries(parameters).map(
    ([position, condition]) => [Number(position), condition] as const,
  );
  return {
    name: 'parameters',
    text: asked.map(([position, condition]) => askedText(position, condition)).join('; '),
    truth(sent) {
      if (sent === null) return unknown;
      let truth = yes;
      for (const [position, condition] of asked) {
        truth = and(truth, parameterTruth(condition, sent[position - 1]));
      }
      return truth;
    },
    found(sent) {
      if (sent === null) return 'there is no command yet';
      const values = asked.map(([position]) => {
        const parameter = sent[position - 1];
        return `parameter ${position} is ${parameter === undefined ? 'not sent' : JSON.stringify(parameter.text)}`;
      });
      return values.join(', ');
    },
  };
}
