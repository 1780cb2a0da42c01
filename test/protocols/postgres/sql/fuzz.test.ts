import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseSync } from 'libpg-query';
import { measure } from '../../../../services/protocols/postgres/sql/measure.ts';
import { type Analyst, attacks, TestServer } from './database.ts';
import { Random } from './random.ts';
import { RandomQueries } from './random-queries.ts';

// Our own file; see /shared/attacks/README.md.
const corpus = JSON.parse(readFileSync(join(attacks, 'postgres.json'), 'utf8')) as {
  readonly cases: readonly { readonly sql: string }[];
};
const seeds = corpus.cases.map((one) => one.sql).filter((sql) => sql.length < 2_000);

const words = [
  'SELECT',
  'FROM',
  'WHERE',
  'app.users',
  'users',
  'u',
  'ssn',
  '*',
  ',',
  '(',
  ')',
  'UPDATE',
  'SET',
  '=',
  'DELETE',
  'INSERT',
  'INTO',
  'VALUES',
  'WITH',
  'RECURSIVE',
  'AS',
  'UNION',
  'ALL',
  'JOIN',
  'USING',
  'ON',
  'LATERAL',
  'GROUP',
  'BY',
  'ORDER',
  'LIMIT',
  '1',
  "'x'",
  '$1',
  '.',
  '::',
  'int',
  'CASE',
  'WHEN',
  'THEN',
  'END',
  'NULL',
  'IN',
  'EXISTS',
  'ARRAY',
  '[',
  ']',
  'ROW',
  'RETURNING',
  'MERGE',
  'MATCHED',
  ';',
  'EXPLAIN',
  'COPY',
  'TO',
  'STDOUT',
  'CREATE',
  'TABLE',
  'VIEW',
  'DROP',
  'ALTER',
  'GRANT',
  'PREPARE',
  'EXECUTE',
  'DECLARE',
  'CURSOR',
  'FOR',
  'FETCH',
  'lower',
  'OVER',
  'DO',
  'FUNCTION',
  'count',
  'DISTINCT',
  'FILTER',
  'CONFLICT',
  'NOTHING',
  'json_value',
  'XMLELEMENT',
  'NAME',
  'TABLESAMPLE',
  'system',
  'VARIADIC',
];

function mutated(random: Random, original: string): string {
  let text = original;
  for (let turn = 1 + random.below(4); turn > 0; turn--) {
    const at = random.below(text.length + 1);
    const to = Math.min(text.length, at + random.below(12));
    const inserted = random.pick([
      '',
      ` ${random.pick(words)} `,
      random.pick(["'", '"', '(', ')', ';', '--', '/*', '*/', '$$', '\\', '\u00e9', '\u202e']),
      random.pick(seeds).slice(0, 40),
    ]);
    text = text.slice(0, at) + inserted + text.slice(random.chance(0.5) ? at : to);
  }
  return text;
}

const attack = (random: Random): string => mutated(random, random.pick(seeds));
const query = (random: Random): string => mutated(random, new RandomQueries(random).statement());

let server: TestServer;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  analyst = await server.analyst(await server.corpusDatabase());
});

afterAll(() => server.stop());

const parses = (text: string): boolean => {
  try {
    parseSync(text);
    return true;
  } catch (refused) {
    expect(refused).toHaveProperty('message');
    return false;
  }
};

/** What runs something leaves a trace: an effect, an opaque reason, a change of names or of the transaction. */
const harmlessCommands =
  /^(SELECT|EXPLAIN|VALUES|SET|RESET|SHOW|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|ROLLBACK TO SAVEPOINT|UNLISTEN|PREPARE|DECLARE CURSOR|EXECUTE|FETCH|MOVE|DEALLOCATE|CLOSE CURSOR|COPY)$/;

test.each([
  ['mutated attacks', attack, 4_000],
  ['mutated queries', query, 4_000],
] as const)(
  '%s: never throws, never hangs, and what does not parse is not allowed',
  async (_, make, count) => {
    const random = new Random(count);
    let understood = 0;
    const silent: string[] = [];
    for (let turn = 0; turn < count; turn++) {
      const text = make(random);
      // The parser's own protection is tested in parse.test.ts; here it is only asked about small texts.
      if (measure(text).tokens > 1_000) continue;
      const { intent, statements } = await analyst.analyse(text);
      expect({ text, refused: intent.unacceptable !== null }).toEqual({ text, refused: !parses(text) });
      if (intent.unacceptable !== null) continue;
      understood += 1;
      for (const statement of statements) {
        const isSilent = statement.effects.length === 0 && statement.opaque.length === 0;
        if (isSilent && !harmlessCommands.test(statement.command)) silent.push(text);
      }
    }
    expect(silent).toEqual([]);
    expect(understood).toBeGreaterThan(count / 20);
  },
  60_000,
);
