import { type RequestOptions, request } from 'node:http';
import { z } from 'zod';
import { messageOf } from '../services/core/model/errors.ts';
import { type ListenerName, listenerName } from '../services/core/model/ids.ts';
import type { AdminAddress } from './admin-address.ts';
import { EnvoyError } from './errors.ts';
import { httpRoutes, httpStatPrefix } from './http-names.ts';
import { adminTimeoutMs, maxAdminBytes } from './limits.ts';

/** Where a listener is really bound: port 0 has become a port. */
export interface BoundAddress {
  readonly address: string;
  readonly port: number;
}

/** Which files Envoy works by, named by their `version_info`, and how many it has turned down. */
export interface AppliedVersions {
  readonly listeners: string;
  readonly clusters: string;
  /** Empty where no listener has any. */
  readonly routes: string;
  readonly rejected: number;
}

const listenersAnswer = z.object({
  listener_statuses: z
    .array(
      z.object({
        name: z.string(),
        local_address: z.object({
          socket_address: z.object({ address: z.string(), port_value: z.number() }),
        }),
      }),
    )
    .default([]),
});

const versionStatistics = '\\.(lds|cds|rds\\..+)\\.(version_text|update_rejected)$';

/** Envoy's admin interface (its manual, "Administration interface"). */
export class EnvoyAdmin {
  readonly #address: AdminAddress;

  constructor(address: AdminAddress) {
    this.#address = address;
  }

  /** Whether Envoy has read its config and serves; false too when it cannot be asked. */
  async ready(): Promise<boolean> {
    try {
      return (await this.get('/ready')).trim() === 'LIVE';
    } catch (error) {
      if (error instanceof EnvoyError) return false;
      throw error;
    }
  }

  /** @throws EnvoyError `admin-unreachable` */
  async boundAddresses(): Promise<ReadonlyMap<ListenerName, BoundAddress>> {
    const { listener_statuses: listeners } = listenersAnswer.parse(
      JSON.parse(await this.get('/listeners?format=json')),
    );
    return new Map(
      listeners.map(({ name, local_address: { socket_address: bound } }) => [
        listenerName(name),
        { address: bound.address, port: bound.port_value },
      ]),
    );
  }

  /** @throws EnvoyError `admin-unreachable` */
  async appliedVersions(): Promise<AppliedVersions> {
    const text = await this.get(`/stats?filter=${encodeURIComponent(versionStatistics)}`);
    const value = (name: string): string =>
      new RegExp(`^${RegExp.escape(name)}: "?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
    const routes = `http.${httpStatPrefix}.rds.${httpRoutes}`;
    const rejected = (name: string): number => Number(value(`${name}.update_rejected`));
    return {
      listeners: value('listener_manager.lds.version_text'),
      clusters: value('cluster_manager.cds.version_text'),
      routes: value(`${routes}.version_text`),
      rejected: rejected('listener_manager.lds') + rejected('cluster_manager.cds') + rejected(routes),
    };
  }

  /** What Envoy answers to a GET: `/stats/prometheus`, `/config_dump`. @throws EnvoyError `admin-unreachable` */
  async get(path: string): Promise<string> {
    const options: RequestOptions = { ...this.#address, path, agent: false, timeout: adminTimeoutMs };
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        asked.destroy();
        reject(
          new EnvoyError('admin-unreachable', `Envoy's admin interface did not answer ${path}: ${why}.`),
        );
      };
      const asked = request(options, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
          if (text.length > maxAdminBytes) fail(`its answer is over ${maxAdminBytes} bytes`);
        });
        answer.on('error', (error) => fail(messageOf(error)));
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve(text) : fail(`status ${answer.statusCode}, ${text.trim()}`),
        );
      });
      asked.on('timeout', () => fail(`nothing came within ${adminTimeoutMs} ms`));
      asked.on('error', (error) => fail(messageOf(error)));
      asked.end();
    });
  }
}
