/**
 * `node test/bench/http.bench.ts [seconds] [rounds]`: requests a second of 16 connections for 1 KiB of JSON, through Envoy alone, with
 * a service on grpc-js that reads nothing and says yes (what any of ours must cost), through the gateway, through the gateway with masks on the
 * answer, and with Open Policy Agent, where that can be built. Prints ratios, which another machine has too; fails when a request did.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { any, duration, type EnvoyMessage, extension } from '../../envoy/message.ts';
import { start } from '../console/cli.ts';
import { HttpGateway } from '../e2e/http-gateway.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { startOpa } from './opa/server.ts';
import { cpuUsOf } from './process-figures.ts';

const connections = 16;
const body = JSON.stringify({
  id: 4711,
  ssn: '123-45-6789',
  email: 'ada@example.com',
  note: 'x'.repeat(200),
  items: Array.from({ length: 12 }, (_, id) => ({ id, name: `item ${id}`, amount: 12.5, tags: ['a', 'b'] })),
}).padEnd(1024);

const policy = (masks: string): string => `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - {name: read, effects: [get, head], paths: ['/users/{id}', '/orders/**'], outcome: allow}
      - {name: order, effects: [post], paths: [/orders], outcome: allow}
      - {name: never, effects: ['*'], paths: ['/admin/**'], outcome: deny}
${masks}`;
const masks = `    masks:
      - {fields: ['**.ssn', 'users[*].email'], with: full}
      - {detect: [card, email], with: redact}
`;

/** Keeps its connections busy for some time; runs in a process of its own. */
async function load(
  port: number,
  request: string,
  seconds: number,
): Promise<{ done: number; failed: number }> {
  let done = 0;
  let failed = 0;
  let running = true;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(request));
      let text = '';
      socket.setEncoding('latin1');
      socket.on('error', reject);
      socket.on('data', (part: string) => {
        text += part;
        const head = text.indexOf('\r\n\r\n');
        if (head < 0) return;
        const length = /content-length: (\d+)/.exec(text)?.[1];
        const isWhole =
          length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= head + 4 + Number(length);
        if (!isWhole) return;
        if (text.startsWith('HTTP/1.1 200')) done += 1;
        else failed += 1;
        text = '';
        if (running) socket.write(request);
        else socket.end(() => resolve());
      });
    });
  setTimeout(() => {
    running = false;
  }, seconds * 1000);
  await Promise.all(Array.from({ length: connections }, one));
  return { done, failed };
}

/** A filter as opa-envoy-plugin's own documentation has it, but for the time-out, of which none is to be a failure here. */
const asking = (service: string): EnvoyMessage =>
  extension('envoy.filters.http.ext_authz', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: service }, timeout: duration(5_000) },
    failure_mode_allow: false,
  });
const overHttp2: EnvoyMessage = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      { explicit_http_config: { http2_protocol_options: {} } },
    ),
  },
};

if (process.send !== undefined) {
  process.on('message', async ([port, request, seconds]: [number, string, number]) => {
    process.send?.(await load(port, request, seconds));
    process.disconnect();
  });
} else {
  await measure(Number(process.argv[2] ?? 4), Number(process.argv[3] ?? 3));
}

async function perSecond(port: number, request: string, seconds: number): Promise<number> {
  const child = fork(import.meta.filename);
  child.send([port, request, seconds]);
  const [{ done, failed }] = (await once(child, 'message')) as [{ done: number; failed: number }];
  if (failed > 0) throw new Error(`${failed} requests failed`);
  return done / seconds;
}

/** An Envoy that answers with the body itself; before it one that only forwards, one that asks bare-authz.ts first, and one that asks OPA where there is one. */
async function startEnvoys(opaPort: number | null) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const bareSocket = join(folder, 'bare.sock');
  const bare = fork(join(import.meta.dirname, 'bare-authz.ts'), [bareSocket]);
  await once(bare, 'message');
  const manager = (route: EnvoyMessage, filters: readonly EnvoyMessage[]): EnvoyMessage =>
    extension(
      'envoy.filters.network.http_connection_manager',
      'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      {
        stat_prefix: 'bench',
        route_config: {
          virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }],
        },
        http_filters: [
          ...filters,
          extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router'),
        ],
      },
    );
  const listener = (
    name: string,
    port: number,
    route: EnvoyMessage,
    filters: readonly EnvoyMessage[] = [],
  ): EnvoyMessage => ({
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [manager(route, filters)] }],
  });
  const cluster = (name: string, address: EnvoyMessage, more: EnvoyMessage = {}): EnvoyMessage => ({
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    ...more,
  });
  const onLoopback = (port: number): EnvoyMessage => ({
    socket_address: { address: '127.0.0.1', port_value: port },
  });
  const [targetPort = 0, alonePort = 0, opaListenerPort = 0, barePort = 0] = [
    20_000, 25_000, 30_000, 35_000,
  ].map((first) => first + (process.pid % 5_000));
  const toTarget = { route: { cluster: 'target', timeout: duration(0) } };
  const config = {
    static_resources: {
      listeners: [
        listener('target', targetPort, {
          direct_response: { status: 200, body: { inline_string: body } },
          response_headers_to_add: [
            {
              header: { key: 'content-type', value: 'application/json' },
              append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
            },
          ],
        }),
        listener('alone', alonePort, toTarget),
        listener('bare', barePort, toTarget, [asking('bare')]),
        ...(opaPort === null ? [] : [listener('opa', opaListenerPort, toTarget, [asking('opa')])]),
      ],
      clusters: [
        cluster('target', onLoopback(targetPort)),
        cluster('bare', { pipe: { path: bareSocket } }, overHttp2),
        ...(opaPort === null ? [] : [cluster('opa', onLoopback(opaPort), overHttp2)]),
      ],
    },
  };
  await writeFile(join(folder, 'envoy.json'), JSON.stringify(config));
  const envoy = start(await envoyBinary(), ['-c', join(folder, 'envoy.json'), '--use-dynamic-base-id'], {});
  await envoy.untilError(/starting main dispatch loop/);
  return {
    targetPort,
    alonePort,
    opaListenerPort,
    barePort,
    barePid: bare.pid ?? null,
    async [Symbol.asyncDispose]() {
      envoy.process.kill('SIGTERM');
      await envoy.finished;
      bare.kill();
      await rm(folder, { recursive: true });
    },
  };
}

async function measure(seconds: number, rounds: number): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const opa = await startOpa();
  if ('fault' in opa) console.log(`Without OPA beside it: ${opa.fault}`);
  else stack.use(opa);
  await using envoys = await startEnvoys('fault' in opa ? null : opa.port);
  const options = {
    url: `http://127.0.0.1:${envoys.targetPort}`,
    listener: ['maxConnections: 1000', 'connectionsPerSecond: 10000'],
  };
  await using plain = await HttpGateway.start({ ...options, policy: policy('') });
  await using masking = await HttpGateway.start({ ...options, policy: policy(masks) });
  const get = (path: string, token: string | null): string =>
    `GET ${path} HTTP/1.1\r\nHost: bench.example\r\n${token === null ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`;
  interface Way {
    readonly port: number;
    readonly request: () => string;
    /** Whose processor time is told: unlike requests a second, it does not depend on what else the machine does. */
    readonly pid: number | null;
  }
  const through = async (gateway: HttpGateway): Promise<Way> => ({
    port: gateway.port,
    request: () => get('/t/billing/users/7', gateway.issuer.mint()),
    pid: await gateway.processId(),
  });
  const ways: Readonly<Record<string, Way>> = {
    'Envoy alone': { port: envoys.alonePort, request: () => get('/users/7', null), pid: null },
    'bare ext_authz': { port: envoys.barePort, request: () => get('/users/7', null), pid: envoys.barePid },
    ext_authz: await through(plain),
    'ext_authz and masks': await through(masking),
    ...('fault' in opa
      ? {}
      : { OPA: { port: envoys.opaListenerPort, request: () => get('/users/7', null), pid: opa.pid } }),
  };
  const seen = new Map<string, { perSecond: number; cpuUs: number }[]>(
    Object.keys(ways).map((name) => [name, []]),
  );
  for (let round = 0; round < rounds; round++) {
    for (const [name, { port, request, pid }] of Object.entries(ways)) {
      const before = pid === null ? 0 : await cpuUsOf(pid);
      const rate = await perSecond(port, request(), seconds);
      const cpuUs = pid === null ? 0 : ((await cpuUsOf(pid)) - before) / (rate * seconds);
      seen.get(name)?.push({ perSecond: rate, cpuUs });
    }
  }
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  const rateOf = (name: string): number => median(seen.get(name)?.map((each) => each.perSecond) ?? []);
  for (const [name, figures] of seen) {
    const cpuUs = median(figures.map((each) => each.cpuUs));
    const [rate, alone, beside] = [rateOf(name), rateOf('Envoy alone'), rateOf('OPA')];
    console.log(
      `${name.padEnd(20)} ${rate.toFixed(0).padStart(7)} requests/s   ${(rate / alone).toFixed(2)} of Envoy alone` +
        (beside === 0 ? '' : `   ${(rate / beside).toFixed(2)} of OPA`) +
        (cpuUs === 0 ? '' : `   ${cpuUs.toFixed(0)} us of the process that is asked, each`),
    );
  }
}
