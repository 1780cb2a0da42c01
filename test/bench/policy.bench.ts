/**
 * How fast decisions are, with 10, 100 and 1000 rules: `node test/bench/policy.bench.ts`. Prints figures and the ratios
 * that matter (a cached decision must not depend on the number of rules); fails never.
 */
import type { Action } from '../../services/core/model/action.ts';
import type { SourceDocument } from '../../services/core/model/problem.ts';
import { loadPolicies } from '../../services/core/policy/load.ts';
import type { PolicySet } from '../../services/core/policy/policy-set.ts';
import { circumstances, intent, principal, withParameters } from '../core/policy/actors.ts';
import { shop, vocabulary } from '../core/policy/words.ts';

const verbs = ['select', 'insert', 'update', 'delete', 'call'] as const;

interface Kind {
  readonly name: string;
  /** What each rule has beside its effects and tables. */
  readonly conditions: Readonly<Record<string, unknown>>;
}

const kinds: readonly Kind[] = [
  { name: 'static', conditions: {} },
  { name: 'times', conditions: { times: { zone: 'Europe/Berlin', from: '00:00', to: '24:00' } } },
  { name: 'sources', conditions: { sources: ['10.0.0.0/8'] } },
  { name: 'parameters', conditions: { parameters: { 1: { matches: '[a-z]+-\\d+' } } } },
];

/** Rules spread over verbs and tables, as a real policy's are; the last of each verb is the one that matches. */
function policies(rules: number, { conditions }: Kind): PolicySet {
  const document: SourceDocument = {
    file: 'bench.yaml',
    value: {
      policies: [
        {
          name: 'bench',
          principals: [{ groups: ['agents'] }],
          targets: ['shop'],
          rules: Array.from({ length: rules }, (_, index) => ({
            name: `r${index}`,
            effects: [verbs[index % verbs.length]],
            tables: [index >= rules - verbs.length ? 'app.*' : `other.t${index}`],
            outcome: 'allow',
            ...conditions,
          })),
        },
      ],
    },
    locate: () => ({ line: 1, column: 1 }),
  };
  const { policies: set, problems } = loadPolicies([document], vocabulary);
  if (set === null) throw new Error(JSON.stringify(problems));
  return set;
}

/** Of the best of several rounds, in nanoseconds: other work on the machine only ever makes a round slower. */
function timeOf(run: (index: number) => void, calls: number, rounds = 9): number {
  let bestNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const startedAtMs = performance.now();
    for (let index = 0; index < calls; index += 1) run(index);
    bestNs = Math.min(bestNs, ((performance.now() - startedAtMs) * 1e6) / calls);
  }
  return bestNs;
}

const fresh = (): Action => withParameters(intent(['select app.users', 'select app.orders']), ['shop-17']);

const rate = (ns: number): string =>
  ns < 1e4 ? `${(1e3 / ns).toFixed(2)} M/s` : `${(1e6 / ns).toFixed(1)} k/s`;

for (const kind of kinds) {
  const figures = [10, 100, 1000].map((rules) => {
    const set = policies(rules, kind);
    const speaker = principal();
    const view = set.view(speaker, shop);
    const now = circumstances();
    const decide = (action: Action | undefined): void => {
      if (action === undefined || view.decide(action, now).kind !== 'allow') {
        throw new Error('the bench decides on what is allowed');
      }
    };
    const calls = 200_000 / rules;
    const cached = Array.from({ length: 100 }, fresh);
    const unseen = Array.from({ length: calls * 9 }, fresh).values();
    return {
      rules,
      cachedNs: timeOf((index) => decide(cached[index % cached.length]), 100_000),
      uncachedNs: timeOf(() => decide(unseen.next().value), calls),
      viewNs: timeOf(() => void set.view(speaker, shop), 200),
    };
  });
  for (const { rules, cachedNs, uncachedNs, viewNs } of figures) {
    console.log(
      `${kind.name.padEnd(10)} ${String(rules).padStart(4)} rules: cached ${rate(cachedNs)} ` +
        `(${cachedNs.toFixed(0)} ns), uncached ${rate(uncachedNs)}, the view of a new session ${(viewNs / 1e3).toFixed(0)} µs`,
    );
  }
  const [few, , many] = figures;
  if (few !== undefined && many !== undefined) {
    console.log(
      `${kind.name.padEnd(10)} time with 1000 rules against 10: cached ${(many.cachedNs / few.cachedNs).toFixed(2)}, ` +
        `uncached ${(many.uncachedNs / few.uncachedNs).toFixed(1)}`,
    );
  }
}
