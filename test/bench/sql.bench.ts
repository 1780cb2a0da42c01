/**
 * What the analysis of SQL costs: `node test/bench/sql.bench.ts`. Prints microseconds for each text and, for texts that are not
 * cached, how much of that the parser alone takes.
 */
import { parseSync } from 'libpg-query';
import { systemClock } from '../../services/core/model/clock.ts';
import { targetName } from '../../services/core/model/ids.ts';
import { type Analyser, createAnalyser } from '../../services/protocols/postgres/sql/analyse.ts';
import { CatalogCache } from '../../services/protocols/postgres/sql/catalog-cache.ts';
import { LargeTexts } from '../../services/protocols/postgres/sql/large-texts.ts';
import { measure } from '../../services/protocols/postgres/sql/measure.ts';
import { catalogReader } from '../protocols/postgres/sql/catalog-reader.ts';
import { startPostgres } from '../servers/postgres.ts';

const texts = {
  small: 'SELECT id, name FROM app.t1 WHERE id = 42',
  join: `SELECT u.id, u.name, lower(o.email) AS email, count(*) FROM app.t1 u JOIN app.t2 o ON o.id = u.id
    LEFT JOIN app.t3 p USING (id) WHERE u.n1 > 10 AND o.name LIKE 'A%' GROUP BY u.id, u.name, o.email ORDER BY 4 DESC LIMIT 10`,
  update: 'UPDATE app.t1 SET name = $1, n1 = n1 + 1 WHERE id = $2 RETURNING *',
  view: 'SELECT * FROM app.v WHERE id = 7',
  setting: "SET application_name = 'psql'",
} as const;

/** Best of several rounds: the machine is never ours alone. */
function microseconds(run: (turn: number) => void, turns = 2_000, rounds = 7): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let turn = 0; turn < turns; turn++) run(turn);
    best = Math.min(best, ((performance.now() - start) * 1000) / turns);
  }
  return best;
}

const shown = (value: number): string => value.toFixed(2).padStart(9);

let texted = 0;
/** The same statement in a text that was never seen: a comment makes it new. */
const anew = (text: string): string => {
  texted += 1;
  return `${text} --${texted}`;
};

function report(name: string, text: string, analyser: Analyser): void {
  analyser.analyse(text);
  const cached = microseconds(() => analyser.analyse(text), 100_000);
  const parsing = microseconds(() => parseSync(anew(text)));
  const measuring = microseconds(() => measure(anew(text)));
  const uncached = microseconds(() => analyser.analyse(anew(text)));
  console.log(
    `${name.padEnd(8)} cached ${shown(cached)} µs   uncached ${shown(uncached)} µs = ${(uncached / parsing).toFixed(2)} x ` +
      `parse alone (${shown(parsing)} µs), measuring ${shown(measuring)} µs of it`,
  );
}

const server = await startPostgres();
const client = await server.connect();
await client.query('CREATE SCHEMA app');
for (let table = 1; table <= 50; table++) {
  const numbers = Array.from({ length: 16 }, (_, at) => `n${at} int`).join(', ');
  await client.query(
    `CREATE TABLE app.t${table}(id int PRIMARY KEY, name text, email text, at timestamptz, ${numbers})`,
  );
}
await client.query('CREATE VIEW app.v AS SELECT a.id, b.email FROM app.t1 a JOIN app.t2 b USING (id)');
const largeTexts = new LargeTexts(systemClock);
const reader = catalogReader(client);
const start = performance.now();
const catalogs = await CatalogCache.open(reader);
console.log(`catalog of 50 tables of 20 columns read in ${(performance.now() - start).toFixed(0)} ms`);
const probe = performance.now();
await catalogs.refreshIfChanged();
console.log(`asking whether it changed: ${(performance.now() - probe).toFixed(1)} ms`);
const analyser = createAnalyser({
  target: targetName('bench'),
  catalogs,
  searchPath: ['app', 'pg_temp'],
  largeTexts,
});
for (const [name, text] of Object.entries(texts)) report(name, text, analyser);

const list = Array.from({ length: 5_000 }, (_, at) => at).join(',');
await analyser.analyse(`SELECT 1 WHERE 1 IN (${list})`);
const large = performance.now();
const answer = analyser.analyse(`SELECT id FROM app.t1 WHERE id IN (${list})`);
const blocked = performance.now() - large;
await answer;
console.log(
  `IN list of 5,000 in the worker: ${(performance.now() - large).toFixed(1)} ms, event loop blocked ${blocked.toFixed(1)} ms`,
);
await client.end();
await largeTexts.close();
await server.stop();
