import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { KubernetesGateway } from '../../e2e/kubernetes-gateway.ts';
import { atMost, median } from '../figures.ts';
import type { Load } from '../load.ts';
import { residentMib } from '../process-figures.ts';
import { progress } from '../progress.ts';

const unmasked = `
policies:
  - name: agents
    targets: [dev]
    rules:
      - {name: find-out, effects: [discover], outcome: allow}
      - {name: read, effects: [get, list, watch], resources: [pods, configmaps], outcome: allow}
`;
const masked = `${unmasked}    masks:
      - {fields: ['*:metadata.annotations."example.com/token"'], with: redact}
      - {detect: [email, card], with: full}
`;
const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: bench}\n';
/** Writes under way at a time, past the gateway. */
const writingAtOnce = 16;

/** The API server, past the gateway. */
class Cluster {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: writingAtOnce });
  readonly #gateway: KubernetesGateway;

  constructor(gateway: KubernetesGateway) {
    this.#gateway = gateway;
  }

  async write(method: string, path: string, body: object): Promise<void> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const answer = await this.#send(method, path, type, JSON.stringify(body), this.#agent);
    answer.resume();
    await once(answer, 'end');
    if ((answer.statusCode ?? 0) >= 300) {
      throw new Error(`${method} ${path} was answered with ${answer.statusCode}`);
    }
  }

  /** On a connection of its own. */
  watch(path: string): Promise<IncomingMessage> {
    return this.#send('GET', path, 'application/json', '', undefined);
  }

  async #send(
    method: string,
    path: string,
    type: string,
    body: string,
    agent: Agent | undefined,
  ): Promise<IncomingMessage> {
    const { url, ca, token } = this.#gateway.cluster;
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    const asked = request(`${url}${path}`, { method, ca, headers, ...(agent && { agent }) });
    asked.end(body);
    return new Promise((resolve, reject) => {
      asked.once('response', resolve).once('error', reject);
    });
  }
}

const pod = (number: number) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `pod-${number}`,
    labels: { app: `app-${number % 50}`, team: 'shop' },
    annotations: { 'example.com/token': `token-${number}`, 'example.com/owner': 'ada@example.com' },
  },
  spec: { containers: [{ name: 'c', image: 'registry.example/web:1', env: [{ name: 'A', value: 'b' }] }] },
});

async function processIdOf({ up }: KubernetesGateway): Promise<number> {
  const [, pid] = await up.untilError(/"pid":(\d+),[^\n]*"msg":"the gateway process is ready"/);
  return Number(pid);
}

const getAll = ['get', 'pods', '-A'];

export const kubernetesList: Load = {
  name: 'kubernetes-list',
  title: 'kubectl get pods -A',
  async run(_, { quick, rounds }) {
    const pods = quick ? 500 : 5_000;
    await using gateway = await KubernetesGateway.start({ policy: unmasked, objects: namespace });
    const cluster = new Cluster(gateway);
    progress(`  creating ${pods} pods`);
    let next = 0;
    const createMore = async (): Promise<void> => {
      while (next < pods) await cluster.write('POST', '/api/v1/namespaces/bench/pods', pod(next++));
    };
    await Promise.all(Array.from({ length: writingAtOnce }, createMore));
    const timed = async (run: () => ReturnType<KubernetesGateway['kubectl']>): Promise<number> => {
      const beganMs = performance.now();
      const { stdout, stderr } = await run();
      const listed = stdout.split('\n').filter((line) => line.startsWith('bench ')).length;
      if (listed !== pods) throw new Error(`kubectl shows ${listed} of ${pods} pods: ${stderr}`);
      return performance.now() - beganMs;
    };
    const direct: number[] = [];
    const ways: Record<'unmasked' | 'masked', number[]> = { unmasked: [], masked: [] };
    for (const way of ['unmasked', 'masked'] as const) {
      if (way === 'masked') await gateway.replacePolicy(masked);
      // What runs for the first time is compiled, and kubectl asks what there is: neither is measured.
      await timed(() => gateway.cluster.kubectl(getAll));
      await timed(() => gateway.kubectl(getAll));
      for (let round = 1; round <= rounds; round++) {
        progress(`  ${way}, round ${round} of ${rounds}`);
        direct.push(await timed(() => gateway.cluster.kubectl(getAll)));
        ways[way].push(await timed(() => gateway.kubectl(getAll)));
      }
    }
    const figure = (name: string, values: readonly number[]) => [
      { name: `through the gateway, ${name}`, value: median(values), unit: 'ms', goal: null },
      { name: `${name} / direct`, value: median(values) / median(direct), unit: '', goal: atMost(1.3) },
    ];
    return {
      ways: null,
      figures: [
        { name: `${pods} pods, direct`, value: median(direct), unit: 'ms', goal: null },
        ...figure('without masks', ways.unmasked),
        ...figure('masked', ways.masked),
      ],
    };
  },
};

/** When each version of an object was seen. */
function arrivals(stream: NodeJS.ReadableStream): Map<string, number> {
  const seen = new Map<string, number>();
  createInterface(stream).on('line', (line) => {
    const [, version] = /"resourceVersion":"(\d+)"/.exec(line) ?? [];
    if (version !== undefined) seen.set(version, performance.now());
  });
  return seen;
}

const perSecond = 500;
const tickMs = 20;

export const kubernetesWatch: Load = {
  name: 'kubernetes-watch',
  title: `a masked watch of ${perSecond} events a second`,
  async run(_, { quick, seconds }) {
    await using gateway = await KubernetesGateway.start({ policy: masked, objects: namespace });
    const cluster = new Cluster(gateway);
    const maps = '/api/v1/namespaces/bench/configmaps';
    for (let number = 0; number < 50; number++) {
      const metadata = { name: `map-${number}` };
      await cluster.write('POST', maps, {
        metadata,
        data: { owner: 'ada@example.com', text: 'x'.repeat(500) },
      });
    }
    const direct = await cluster.watch(`${maps}?watch=1`);
    const through = Readable.from((await gateway.fetch(`${maps}?watch=1`)).body ?? []);
    const [before, after] = [arrivals(direct), arrivals(through)];
    while (after.size < 50 || before.size < 50) await wait(tickMs);
    const pid = await processIdOf(gateway);
    const idleMib = await residentMib(pid);
    before.clear();
    after.clear();
    const runMs = (quick ? 5 : Math.max(20, seconds)) * 1_000;
    progress(`  ${runMs / 1_000} s of changes`);
    const writes: Promise<void>[] = [];
    const beganMs = performance.now();
    for (let made = 0; performance.now() - beganMs < runMs; await wait(tickMs)) {
      const due = ((performance.now() - beganMs) / 1_000) * perSecond;
      for (; made < due; made += 1) {
        const body = { data: { count: String(made) } };
        const write = cluster.write('PATCH', `${maps}/map-${made % 50}`, body);
        // Promise.all tells of it below.
        write.catch(() => undefined);
        writes.push(write);
      }
    }
    await Promise.all(writes);
    const tookS = (performance.now() - beganMs) / 1_000;
    while (after.size < writes.length || before.size < writes.length) {
      await Promise.race([once(direct, 'data'), once(through, 'data')]);
    }
    const lost = [...before.keys()].filter((version) => !after.has(version)).length;
    if (lost > 0) throw new Error(`${lost} of ${before.size} events have not come through the gateway`);
    const lateMs = [...before].map(([version, seenMs]) => (after.get(version) ?? Number.NaN) - seenMs);
    lateMs.sort((left, right) => left - right);
    const busyMib = await residentMib(pid);
    direct.destroy();
    through.destroy();
    const ms = { unit: 'ms', goal: null };
    return {
      ways: null,
      figures: [
        { name: 'events', value: writes.length / tookS, unit: 'a second', goal: null },
        { name: 'later than a direct watch, median', value: median(lateMs), ...ms },
        { name: '99 of 100', value: lateMs[Math.floor(lateMs.length * 0.99)] ?? Number.NaN, ...ms },
        { name: 'the latest', value: lateMs.at(-1) ?? Number.NaN, unit: 'ms', goal: atMost(50) },
        { name: 'gateway, over what it had before', value: busyMib - idleMib, unit: 'MiB', goal: null },
      ],
    };
  },
};
