import type { TestGateway } from '../../e2e/gateway.ts';
import { atLeast, median, wayNames } from '../figures.ts';
import { type Load, medians, overWays } from '../load.ts';
import { cpuUsOf } from '../process-figures.ts';
import { progress } from '../progress.ts';

/** A connection for each statement. After the first, the gateway knows the token by its digest. */
export const connections: Load = {
  name: 'connections',
  title: '4 clients, a connection a statement, one token',
  async run(ways, extent) {
    const script = 'SELECT name FROM app.users;\n';
    const seen = await overWays(ways, extent, wayNames, { script, args: ['-C', '-c', '4'] });
    const result = medians(seen, 'connections/s', ({ perSecond }) => perSecond);
    const value = result.ways.gateway?.value ?? Number.NaN;
    return { ways: result, figures: [{ name: 'rate', value, unit: '/s', goal: atLeast(150) }] };
  },
};

/** The same, but each connection brings a token that was never seen: its signature is verified. pgbench has one password. */
export const tokens: Load = {
  name: 'tokens',
  title: '4 clients, a connection a statement, each with a new token',
  detail: true,
  async run({ gateway }, { rounds, seconds }) {
    const pid = await gateway.processId();
    const rates: number[] = [];
    const cpusUs: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      progress(`  round ${round} of ${rounds}: gateway`);
      // Made before, so that signing them is not measured.
      const passwords = Array.from({ length: maxPerSecond * seconds }, () => gateway.issuer.mint());
      const before = await cpuUsOf(pid);
      const beganMs = performance.now();
      const done = await connectUntil(gateway, passwords, beganMs + seconds * 1000);
      rates.push((done * 1000) / (performance.now() - beganMs));
      cpusUs.push(((await cpuUsOf(pid)) - before) / done);
    }
    const figures = { value: median(rates), rounds: rates, cpuUs: median(cpusUs) };
    return {
      ways: { unit: 'connections/s', ways: { gateway: figures } },
      figures: [{ name: 'rate', value: figures.value, unit: '/s', goal: atLeast(150) }],
    };
  },
};

const clients = 4;
/** Tokens made for each second: more than can be used. */
const maxPerSecond = 1_000;

async function connectUntil(gateway: TestGateway, passwords: string[], endMs: number): Promise<number> {
  let done = 0;
  const again = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const password = passwords.pop();
      if (password === undefined) throw new Error('there were too few tokens');
      const client = await gateway.connect({ password });
      await client.query('SELECT name FROM app.users');
      await client.end();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, again));
  return done;
}
