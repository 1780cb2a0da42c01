import { z } from 'zod';
import type { RuleOutcome } from '../../core/model/decision.ts';
import type { EffectCondition, PolicyWords } from '../protocol.ts';
import { parseField } from '../requests/answer-plan.ts';
import { globMatcher } from '../requests/glob.ts';
import { asHttp, opaqueReasons, verbs } from './effect.ts';
import { graphql } from './graphql-condition.ts';
import type { OperationType } from './graphql-document.ts';
import { grpc } from './grpc-condition.ts';
import { counts } from './headers.ts';
import { json } from './json-condition.ts';
import { choosesByMaskedField, renamesMaskedField } from './masked-graphql.ts';
import { usesMaskedField } from './masked-use.ts';
import { compileTemplate, matcherOf, templateFault } from './path-template.ts';

const templates = z.array(
  z.string().superRefine((text, context) => {
    const fault = templateFault(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  }),
);

const paths: EffectCondition = {
  schema: templates,
  compile(value: unknown, outcome: RuleOutcome) {
    const matches = matcherOf(templates.parse(value).map(compileTemplate), outcome);
    return (effect) => matches(asHttp(effect).path.segments);
  },
};

const hostNames = z.array(
  z.string().regex(/^[a-z0-9*](?:[a-z0-9.*-]*[a-z0-9*])?$/, {
    error: 'must be a host name in lower case, without a port; * is any run of characters',
  }),
);

const hosts: EffectCondition = {
  schema: hostNames,
  compile(value: unknown) {
    const matchers = hostNames.parse(value).map(globMatcher);
    return (effect) => matchesOne(matchers, asHttp(effect).host);
  },
};

const pattern = z.string().max(1000);
/** One pattern or several, of which one must match. */
const valuePatterns = z.record(z.string().min(1).max(200), z.union([pattern, z.array(pattern).min(1)]));
type Matcher = (text: string) => boolean;

const matchersOf = (value: unknown): readonly (readonly [name: string, matchers: readonly Matcher[]])[] =>
  Object.entries(valuePatterns.parse(value)).map(([name, written]) => [
    name,
    (typeof written === 'string' ? [written] : written).map(globMatcher),
  ]);

const matchesOne = (matchers: readonly Matcher[], value: string): boolean =>
  matchers.some((matches) => matches(value));

/** `filter[]` and `filter[x]` are `filter` to many frameworks. */
const looseName = (name: string): string => name.toLowerCase().replace(/\[.*$/s, '');

/**
 * An allow rule wants each parameter exactly once, since of two servers take the first, the last, or both. For deny and hold any
 * value of it is enough, however it came to be there.
 */
const query: EffectCondition = {
  schema: valuePatterns,
  compile(value: unknown, outcome: RuleOutcome) {
    const wanted = matchersOf(value);
    if (outcome !== 'allow') {
      return (effect) =>
        wanted.every(([name, matchers]) =>
          [...asHttp(effect).query.parameters, ...asHttp(effect).query.possible].some(
            (parameter) =>
              looseName(parameter.name) === name.toLowerCase() && matchesOne(matchers, parameter.value),
          ),
        );
    }
    return (effect) => {
      const { parameters, possible } = asHttp(effect).query;
      if (parameters.length !== possible.length) return false;
      return wanted.every(([name, matchers]) => {
        const found = parameters.filter((parameter) => looseName(parameter.name) === name.toLowerCase());
        const [only] = found;
        return found.length === 1 && only?.name === name && matchesOne(matchers, only.value);
      });
    };
  },
};

const headerPatterns = valuePatterns.refine(
  (written) => Object.keys(written).every((name) => /^[!#$%&'*+.^`|~0-9a-z-]+$/.test(name)),
  { error: 'names of headers are written in lower case, and have no underscore in them' },
);

/** Requests that differ in others only are decided alike (intent.ts). */
const countingHeaders = headerPatterns.refine((written) => Object.keys(written).every(counts), {
  error:
    'must name headers that say what is asked for: rules cannot go by how a client works (user-agent), nor by what is taken off (authorization, x-forwarded-*)',
});

/** As `query`: exactly once to allow, any of them to deny or hold. */
const headers: EffectCondition = {
  schema: countingHeaders,
  compile(value: unknown, outcome: RuleOutcome) {
    const wanted = matchersOf(value);
    return (effect) =>
      wanted.every(([name, matchers]) => {
        const values = asHttp(effect).headers.get(name) ?? [];
        if (outcome === 'allow' && values.length !== 1) return false;
        return values.some((each) => matchesOne(matchers, each));
      });
  },
};

/** What is written for each condition of a rule. */
export interface HttpConditions {
  /** `/users/{id}/orders`, `/v1/**` */
  readonly paths: readonly string[];
  /** `billing.gw.example`, `*.gw.example` */
  readonly hosts: readonly string[];
  /** `{status: [open, held]}` */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  /** `{x-tenant: acme}` */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** `{amount: {atMost: 100}, 'items[*].sku': [A1, 'B-*']}` */
  readonly json: FieldsWanted;
  /** `{operations: [mutation], fields: [createRefund, users.email], arguments: {amount: {atMost: 50}}}` */
  readonly graphql: {
    readonly operations?: readonly OperationType[];
    readonly names?: readonly string[];
    readonly fields?: readonly string[];
    readonly arguments?: FieldsWanted;
  };
  /** `billing.Refunds/Create`, `billing.Catalog/*` */
  readonly grpc: readonly string[];
}

export type FieldsWanted = Readonly<Record<string, JsonWanted | readonly JsonWanted[]>>;
export type JsonWanted =
  | string
  | number
  | boolean
  | null
  | { readonly atLeast?: number; readonly atMost?: number };

export const httpPolicy: PolicyWords = {
  verbs,
  opaqueReasons,
  conditions: { paths, hosts, query, headers, json, graphql, grpc } satisfies Readonly<
    Record<keyof HttpConditions, EffectCondition>
  >,
  // What an API does with a field that a request names, nobody here knows: no use of it can be counted.
  guesses: (masks, effect) =>
    masks.some((mask) => usesMaskedField(mask, asHttp(effect)) || choosesByMaskedField(mask, asHttp(effect)))
      ? Infinity
      : 0,
  masksDerived: false,
  returnsDerived: (mask, effect) => renamesMaskedField(mask, asHttp(effect)),
  fieldProblem: (pattern) => {
    const field = parseField(pattern);
    return 'fault' in field ? field.fault : null;
  },
  readsAnswers: true,
  countsRows: false,
};
