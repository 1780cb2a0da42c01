import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TestGateway } from '../e2e/gateway.ts';
import { type Case, databaseOf, policy, prepareCorpus, printFigures, runAll } from './postgres-corpus.ts';

// The corpus is our own file; its shape is described in /shared/attacks/README.md.
const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'postgres.json'), 'utf8')) as {
  readonly cases: readonly Case[];
};

/** Refusals that are stricter than the corpus asks for, each with its reason. */
const knownFriction: ReadonlyMap<string, string> = new Map([
  ['PG-019', 'PostgreSQL 15 and our parser refuse `0or`: what does not parse is not allowed'],
]);

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start({
    prepare: (postgres) => prepareCorpus(postgres, cases),
    policy,
    user: 'app_owner',
    config: ['approvals: {maxOpenPerPrincipal: 1000}'],
    databases: [...new Set(cases.map(databaseOf))],
  });
}, 120_000);

afterAll(() => gateway[Symbol.asyncDispose]());

test.each(['simple', 'extended, in text', 'extended, in binary'] as const)(
  'the SQL corpus, live, %s: no holes, no leaks, no unknown friction',
  async (mode) => {
    const figures = await runAll(gateway, cases, mode);
    printFigures('SQL corpus', mode, figures);
    const unknown = figures.friction.filter((line) => !knownFriction.has(line.split(' ')[0] ?? ''));
    expect({ ...figures, friction: unknown }).toEqual({
      ran: figures.ran,
      leaks: [],
      holes: [],
      friction: [],
    });
  },
  120_000,
);
