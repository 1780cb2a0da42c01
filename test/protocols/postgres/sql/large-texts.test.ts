import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Clock, systemClock } from '../../../../services/core/model/clock.ts';
import {
  CatalogCache,
  type LoadedCatalog,
} from '../../../../services/protocols/postgres/sql/catalog-cache.ts';
import { LargeTexts } from '../../../../services/protocols/postgres/sql/large-texts.ts';
import { maxTextsWaiting } from '../../../../services/protocols/postgres/sql/limits.ts';
import { catalogReader } from './catalog-reader.ts';
import { TestServer } from './database.ts';

let server: TestServer;
let loaded: LoadedCatalog;

const circumstances = { target: 'test', searchPath: ['app'], emptySearchPath: false };

beforeAll(async () => {
  server = await TestServer.start();
  const client = await server.connect(
    await server.database(['CREATE SCHEMA app', 'CREATE TABLE app.t(a int)']),
  );
  loaded = (await CatalogCache.open(catalogReader(client))).loaded;
});

afterAll(() => server.stop());

/** A clock whose timers run when the test says so. */
class HeldClock implements Clock {
  readonly timers = new Set<() => void>();

  nowMs = (): number => 0;
  monotonicMs = (): number => 0;

  after(_: number, run: () => void): { cancel(): void } {
    this.timers.add(run);
    return { cancel: () => void this.timers.delete(run) };
  }

  runOut(): void {
    for (const run of [...this.timers]) {
      this.timers.delete(run);
      run();
    }
  }
}

test('the worker knows the catalog: names are resolved there as here', async () => {
  const texts = new LargeTexts(systemClock);
  const { intent, statements } = await texts.analyse('DELETE FROM t WHERE a = 1', circumstances, loaded);
  expect(intent).toMatchObject({ target: 'test', commands: 1, opaque: [], unacceptable: null });
  expect(statements[0]?.effects.map((effect) => `${effect.verb} ${effect.resource}`)).toEqual([
    'select app.t',
    'delete app.t',
  ]);
  await texts.close();
});

test('a text that takes too long is refused, its thread replaced, and what waits goes on', async () => {
  const clock = new HeldClock();
  const texts = new LargeTexts(clock);
  const slow = texts.analyse(`SELECT 1${'+1'.repeat(140_000)}`, circumstances, loaded);
  const next = texts.analyse('SELECT a FROM t', circumstances, loaded);
  clock.runOut();
  expect((await slow).intent.unacceptable).toMatchObject({ reason: 'too-large' });
  expect((await next).intent.unacceptable).toBeNull();
  expect(clock.timers.size).toBe(0);
  await texts.close();
});

test('a full queue refuses, and closing refuses what waits', async () => {
  const texts = new LargeTexts(systemClock);
  const waiting = Array.from({ length: maxTextsWaiting + 1 }, (_, at) =>
    texts.analyse(`SELECT ${at}`, circumstances, loaded),
  );
  const tooMany = await texts.analyse('SELECT 1', circumstances, loaded);
  expect(tooMany.intent.unacceptable).toMatchObject({ reason: 'too-large', hint: 'Try again in a moment.' });
  await texts.close();
  const answers = await Promise.all(waiting);
  expect(answers.every((answer) => answer.intent.unacceptable?.reason === 'too-large')).toBe(true);
  expect((await texts.analyse('SELECT 1', circumstances, loaded)).intent.unacceptable).not.toBeNull();
});
