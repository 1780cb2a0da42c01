import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { envoyBinary } from '../servers/envoy.ts';
import { freePort } from '../servers/postgres.ts';

/** Envoy as nothing but a TCP proxy to a port of this machine: the least that any gateway behind it can cost. */
export async function startTcpProxy(to: number): Promise<AsyncDisposable & { readonly port: number }> {
  const port = await freePort();
  const address = (portValue: number) => ({
    socket_address: { address: '127.0.0.1', port_value: portValue },
  });
  const config = {
    static_resources: {
      listeners: [
        {
          address: address(port),
          filter_chains: [
            {
              filters: [
                {
                  name: 'tcp_proxy',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                    stat_prefix: 'postgres',
                    cluster: 'postgres',
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'postgres',
          load_assignment: {
            cluster_name: 'postgres',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(to) } }] }],
          },
        },
      ],
    },
  };
  const options = ['--disable-hot-restart', '--log-level', 'off', '--config-yaml', JSON.stringify(config)];
  const envoy = spawn(await envoyBinary(), options, { stdio: 'ignore' });
  const ended = once(envoy, 'exit');
  while (!(await answers(port))) {
    if (envoy.exitCode !== null) throw new Error(`Envoy ended with status ${envoy.exitCode}`);
    await wait(50);
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      envoy.kill();
      await ended;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
