import { isIP } from 'node:net';
import type { EnvoySettings } from '../services/core/model/settings.ts';
import { EnvoyError } from './errors.ts';
import { adminSocket } from './sockets.ts';

/** Where Envoy's admin interface listens, in node:http's words. */
export type AdminAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

const hostAndPort = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:]+)):(?<port>\d{1,5})$/;

/** @throws EnvoyError `bad-admin-address` */
export function adminAddress({ admin }: EnvoySettings, runDir: string): AdminAddress {
  if (admin === null) return { socketPath: adminSocket(runDir) };
  const { v4, v6, port: portText } = hostAndPort.exec(admin)?.groups ?? {};
  const port = Number(portText);
  const host = v6 ?? v4 ?? '';
  if (isIP(host) === (v6 === undefined ? 4 : 6) && port >= 1 && port <= 65_535) return { host, port };
  throw new EnvoyError(
    'bad-admin-address',
    `gateway.envoy.admin is "${admin}", and must be an IP address with a port, such as 127.0.0.1:9901 or [::1]:9901.`,
  );
}
