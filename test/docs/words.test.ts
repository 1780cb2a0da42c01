/** What the pages say there is, there is; and the tables leave nothing out. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Meter, MetricOptions } from '@opentelemetry/api';
import { Command } from 'commander';
import { commands } from '../../services/console/cli/command-table.ts';
import { detectorNames } from '../../services/core/masking/detectors.ts';
import { transformNames } from '../../services/core/masking/transform-names.ts';
import { type Reason, reasons } from '../../services/core/model/decision.ts';
import { principalPatternSchema, ruleKeys } from '../../services/core/policy/schema.ts';
import { createInstruments } from '../../services/core/telemetry/instruments.ts';
import { httpPolicy } from '../../services/protocols/http/policy.ts';
import { problemAnswer } from '../../services/protocols/http/problem.ts';
import { powers } from '../../services/protocols/kubernetes/effect.ts';
import { kubernetesPolicy } from '../../services/protocols/kubernetes/policy.ts';
import { postgresPolicy } from '../../services/protocols/postgres/policy.ts';
import { opaqueReasons, verbs } from '../../services/protocols/postgres/sql/analysis.ts';
import { loads } from '../bench/loads/index.ts';
import { optionsFrom } from '../bench/options.ts';
import { root } from '../console/cli.ts';
import { pages } from './markdown.ts';

const all = await pages();
const page = (name: string) => {
  const found = all.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${name} is not there`);
  return found;
};

test('there is a page for each kind of user', () => {
  expect(all.map(({ name }) => name)).toEqual([
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'README.md',
    'SECURITY.md',
    'docs/agents.md',
    'docs/approvals.md',
    'docs/exec.md',
    'docs/kubernetes.md',
    'docs/masking.md',
    'docs/operations.md',
    'docs/performance.md',
    'docs/platform.md',
    'docs/policies.md',
  ]);
});

/** Files that a page links to, or names as code: `services/main.ts`. */
const paths = all.flatMap(({ name, text, codes }) => [
  ...[...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(
    ([, path = '']) => [name, join(dirname(name), path)] as const,
  ),
  ...codes
    .filter((code) => /^[\w-]+(\/[\w.-]+)+\.(ts|yaml|sql)$/.test(code))
    .map((code) => [name, code] as const),
]);

test.each(paths)('%s: %s is there', (_, path) => {
  expect([path, `services/${path}`].some((each) => existsSync(join(root, each)))).toBe(true);
});

/** Every `sallyport ...` that a reader could type: lines of shell blocks, and code in the text. */
const typed = all.flatMap(({ name, blocks, codes }) =>
  [...blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.split('\n')), ...codes]
    .map((line) => line.replace(/^bin\//, ''))
    .filter((line) => /^sallyport [a-z]/.test(line))
    .map((line) => [name, line] as const),
);

test('the pages show how to use most commands', () => {
  const unused = commands.filter(
    ({ words }) => !typed.some(([, line]) => line.startsWith(`sallyport ${words}`)),
  );
  expect(unused.map(({ words }) => words)).toEqual([]);
});

test.each(typed)('%s: %s', async (_, line) => {
  const words = line
    .replaceAll(/"[^"]*"/g, 'quoted')
    .split(/\s+/)
    .slice(1);
  const entry = commands
    .filter((each) => `${words.join(' ')} `.startsWith(`${each.words} `))
    .toSorted((left, right) => right.words.length - left.words.length)[0];
  if (entry === undefined) throw new Error('there is no such command');
  const command = new Command();
  (await entry.load()).define(command);
  const known = command.options.flatMap(({ short, long }) => [short, long]);
  for (const word of words) if (word.startsWith('-')) expect(known).toContain(word);
});

/** The first cells of a page's tables, with what is between backticks in them. */
const named = (name: string): ReadonlySet<string> =>
  new Set(
    page(name)
      .text.split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) =>
        [...(line.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
      ),
  );

describe('policies.md', () => {
  test.each([
    ['verbs', verbs],
    ['opaque reasons', opaqueReasons],
    ['conditions', Object.keys(postgresPolicy.conditions)],
    ['verbs of HTTP', httpPolicy.verbs],
    ['opaque reasons of HTTP', httpPolicy.opaqueReasons],
    ['conditions on HTTP requests', Object.keys(httpPolicy.conditions)],
    ['detectors', detectorNames],
    ['transforms', transformNames],
    ['keys of a rule', ruleKeys.filter((key) => !['message', 'hint', 'approval'].includes(key))],
    ['fields of a principal', Object.keys(principalPatternSchema.shape)],
  ])('has all %s', (_, words) => {
    const told = named('docs/policies.md');
    expect(words.filter((word) => !told.has(word))).toEqual([]);
  });
});

test('exec.md has all effects of streams and all reasons for which one is opaque', () => {
  const told = named('docs/exec.md');
  const words = ['exec', 'interactive', 'attach', 'port-forward', ...kubernetesPolicy.opaqueReasons];
  expect(words.filter((word) => !told.has(word))).toEqual([]);
});

describe('kubernetes.md', () => {
  test.each([
    ['verbs', kubernetesPolicy.verbs],
    ['conditions', Object.keys(kubernetesPolicy.conditions)],
  ])('has all %s', (_, words) => {
    const told = named('docs/kubernetes.md');
    expect(words.filter((word) => !told.has(word))).toEqual([]);
  });

  test('has all powers', () => {
    expect(powers.filter((power) => !page('docs/kubernetes.md').codes.includes(power))).toEqual([]);
  });
});

test('performance.md has the loads that there are', () => {
  const told = named('docs/performance.md');
  expect(loads.map(({ name }) => name).filter((name) => !told.has(name))).toEqual([]);
  expect([...told].filter((name) => !loads.some((load) => load.name === name))).toEqual([]);
});

/** Every `npm run bench` that a reader could type. */
const benches = all.flatMap(({ name, blocks }) =>
  blocks.flatMap(({ text }) =>
    [...text.matchAll(/^npm run bench(?: -- (.*))?$/gm)].map(
      ([line, args = '']) => [name, line, args] as const,
    ),
  ),
);

test.each(benches)('%s: %s', (_, __, args) => {
  expect(optionsFrom(args === '' ? [] : args.split(' '), loads)).not.toBeNull();
});

test('agents.md knows only reasons that there are', () => {
  const told = page('docs/agents.md')
    .text.split('\n')
    .filter((line) => /^\| [0-9A-Z]{5}/.test(line))
    .flatMap((line) =>
      [...(line.split(' | ')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
    );
  expect(told.length).toBeGreaterThan(15);
  expect(told.filter((reason) => !(reasons as readonly string[]).includes(reason))).toEqual([]);
});

test('agents.md has the status of each refusal of an HTTP request', () => {
  const rows = page('docs/agents.md')
    .text.split('\n')
    .flatMap((line) => {
      const [, status, codes = ''] = /^\| (\d{3}) \| ([^|]+) \|/.exec(line) ?? [];
      return [...codes.matchAll(/`([^`]+)`/g)].map(([, code = '']) => [code, Number(status)] as const);
    });
  // What HTTP targets do not come to: masks, and targets that the gateway itself connects to.
  const told = reasons.filter(
    (reason) =>
      ![
        'masked-field-in-condition',
        'masked-field-derived',
        'target-unavailable',
        'refused-by-target',
      ].includes(reason),
  );
  const statusOf = (reason: Reason): number => {
    const answer = problemAnswer({ kind: 'deny', rule: null, reason, message: '', hint: '' });
    return answer.kind === 'answer' ? answer.status : 0;
  };
  expect(rows.toSorted()).toEqual(told.map((reason) => [reason, statusOf(reason)] as const).toSorted());
});

test('operations.md has the metrics that there are, with their kinds and units', () => {
  const rows: string[] = [];
  const note = (kind: string) => (name: string, options?: MetricOptions) => {
    rows.push(`| \`${name}\` | ${kind} | \`${options?.unit}\` |`);
  };
  const meter = {
    createCounter: note('counter'),
    createHistogram: note('histogram'),
    createUpDownCounter: note('up-down counter'),
  } as unknown as Meter; // as: the three kinds of instruments that there are, which only tell their names here
  createInstruments(meter);
  expect(rows.length).toBeGreaterThan(5);
  const { text } = page('docs/operations.md');
  expect(rows.filter((row) => !text.includes(row))).toEqual([]);
  expect(text.match(/^\| `sallyport\.[a-z.]+` \| /gm)).toHaveLength(rows.length);
});
