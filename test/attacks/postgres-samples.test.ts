import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TestGateway } from '../e2e/gateway.ts';
import { policy, prepareCorpus, printFigures, runAll } from './postgres-corpus.ts';
import { attacks, honest, objects } from './postgres-samples.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start({
    async prepare(postgres) {
      await prepareCorpus(postgres, []);
      const owner = await postgres.connect('acdb');
      await owner.query('SET ROLE app_owner');
      for (const statement of objects) await owner.query(statement);
      await owner.end();
    },
    policy,
    user: 'app_owner',
    config: ['approvals: {maxOpenPerPrincipal: 1000}'],
    databases: ['acdb'],
  });
}, 120_000);

afterAll(() => gateway[Symbol.asyncDispose]());

test.each(['simple', 'extended, in text', 'extended, in binary'] as const)(
  'further samples of the corpus’ classes, %s: no holes, no leaks, no friction',
  async (mode) => {
    for (const [what, cases] of [
      ['attacks', attacks],
      ['honest statements', honest],
    ] as const) {
      const figures = await runAll(gateway, cases, mode);
      printFigures(what, mode, figures);
      expect(figures).toEqual({ ran: figures.ran, leaks: [], holes: [], friction: [] });
    }
  },
  120_000,
);
