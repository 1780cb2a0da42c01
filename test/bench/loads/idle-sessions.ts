import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { atMost } from '../figures.ts';
import type { Load } from '../load.ts';
import { descriptorsOf, residentMib } from '../process-figures.ts';
import { progress } from '../progress.ts';

/** How many connect at a time: as a fleet that starts, not as a flood. */
const connectingAtOnce = 16;

/** Settled: so many samples in a row that lie within so many MiB; a garbage collector frees what is idle after seconds. */
const settledMib = 1;
const settledSamples = 5;
const maxSamples = 40;

async function settledResidentMib(pid: number, sampleMs: number): Promise<number> {
  const samples: number[] = [];
  while (samples.length < maxSamples) {
    samples.push(await residentMib(pid));
    const last = samples.slice(-settledSamples);
    if (last.length === settledSamples && Math.max(...last) - Math.min(...last) <= settledMib) break;
    await wait(sampleMs);
  }
  return samples.at(-1) ?? Number.NaN;
}

export const idle: Load = {
  name: 'idle',
  title: 'idle sessions',
  async run({ gateway }, { quick }) {
    const sessions = quick ? 100 : 1_000;
    const sampleMs = quick ? 200 : 2_000;
    progress('  starting the gateway again: what it has used before would hide what sessions use');
    await gateway.stopGateway();
    await gateway.startAgain();
    const pid = await gateway.processId();
    const envoyPid = await gateway.envoyProcessId();
    // The first session opens what all share: the target's catalog, and the connection by which it is read.
    await (await gateway.connect()).end();
    progress('  until nothing moves');
    const [before, envoyBefore] = [await settledResidentMib(pid, sampleMs), await residentMib(envoyPid)];
    const descriptorsBefore = await descriptorsOf(pid);
    progress(`  opening ${sessions} sessions`);
    const clients: pg.Client[] = [];
    const beganMs = performance.now();
    let opening = 0;
    const openMore = async (): Promise<void> => {
      while (opening < sessions) {
        opening += 1;
        const client = await gateway.connect();
        clients.push(client);
        await client.query('SELECT name FROM app.users WHERE id = 1');
      }
    };
    await Promise.all(Array.from({ length: connectingAtOnce }, openMore));
    const openedS = (performance.now() - beganMs) / 1000;
    progress('  until nothing moves');
    const [after, envoyAfter] = [await settledResidentMib(pid, sampleMs), await residentMib(envoyPid)];
    const answers = await Promise.all(
      clients.map((client) => client.query('SELECT name FROM app.users WHERE id = 1')),
    );
    if (answers.some(({ rowCount }) => rowCount !== 1)) throw new Error('an idle session did not answer');
    await Promise.all(clients.map((client) => client.end()));
    while ((await gateway.sessions()).length > 0);
    const left = (await descriptorsOf(pid)) - descriptorsBefore;
    const thousand = 1_000 / sessions;
    return {
      ways: null,
      figures: [
        {
          name: `gateway, with ${sessions} sessions`,
          value: after - before,
          unit: 'MiB more',
          goal: quick ? null : atMost(200),
        },
        {
          name: 'Envoy, for 1,000 sessions',
          value: (envoyAfter - envoyBefore) * thousand,
          unit: 'MiB more',
          goal: null,
        },
        { name: 'to open them', value: openedS, unit: 's', goal: null },
        {
          name: 'gateway, once they are closed',
          value: (await settledResidentMib(pid, sampleMs)) - before,
          unit: 'MiB more',
          goal: null,
        },
        { name: 'descriptors left once they are closed', value: left, unit: '', goal: null },
      ],
    };
  },
};
