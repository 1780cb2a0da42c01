import { isIP, SocketAddress } from 'node:net';
import { canonicalIp } from '../model/address.ts';
import type { ValuePath } from '../model/problem.ts';
import { defaults } from './defaults.ts';
import type { Finding } from './finding.ts';
import { parseHostAndPort } from './sections/gateway.ts';
import type { YamlDocument } from './yaml-document.ts';

/** A section of a list, with its place. */
interface Item {
  readonly path: ValuePath;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * What is wrong between several places of the file: names that stand twice, ports that clash. Looks at the file as it
 * was written and not at the settings, so that it can be told along with whatever else is wrong.
 */
export function wholeFileFindings(document: YamlDocument): readonly Finding[] {
  const listeners = itemsAt(document, ['gateway', 'listeners']);
  const issuers = itemsAt(document, ['identity', 'issuers']);
  const certificates = itemsAt(document, ['identity', 'certificates']);
  return [
    ...repeated(document, listeners, 'name', 'a listener'),
    ...repeated(document, itemsAt(document, ['targets']), 'name', 'a target'),
    ...repeated(document, issuers, 'name', 'an issuer'),
    // A token names its issuer by URL, so two entries for one would leave open which of them counts.
    ...repeated(document, issuers, 'url', 'an issuer'),
    ...repeated(document, certificates, 'name', 'a certificate rule'),
    ...clashingPorts(document, listeners),
    ...workersWithoutRedis(document),
    ...issuers.flatMap(audienceFindings),
    ...nobodyKnown(document, [...issuers, ...certificates]),
  ];
}

function repeated(
  document: YamlDocument,
  items: readonly Item[],
  key: string,
  what: string,
): readonly Finding[] {
  const first = new Map<string, Item>();
  return items.flatMap((item): readonly Finding[] => {
    const value = item.fields[key];
    if (typeof value !== 'string') return [];
    const earlier = first.get(value);
    if (earlier === undefined) {
      first.set(value, item);
      return [];
    }
    const { line } = document.locate([...earlier.path, key]);
    return [error([...item.path, key], `is the ${key} of ${what} already, on line ${line}`)];
  });
}

interface Bound {
  readonly path: ValuePath;
  readonly ip: string;
  readonly port: number;
}

function clashingPorts(document: YamlDocument, listeners: readonly Item[]): readonly Finding[] {
  const bound = new Map<string, Bound>();
  return [...listeners.flatMap(boundBy), ...boundByAdmin(document)].flatMap((next): readonly Finding[] => {
    const { path, ip, port } = next;
    const family = isIP(ip);
    const everywhere = family === 6 ? '::' : '0.0.0.0';
    const earlier =
      bound.get(`${ip} ${port}`) ??
      bound.get(`${everywhere} ${port}`) ??
      (ip === everywhere ? bound.get(`any${family} ${port}`) : undefined);
    if (earlier !== undefined) {
      const { line } = document.locate(earlier.path);
      return [error(path, `port ${port} of this address is taken already, on line ${line}`)];
    }
    bound.set(`${ip} ${port}`, next);
    if (!bound.has(`any${family} ${port}`)) bound.set(`any${family} ${port}`, next);
    return [];
  });
}

function boundBy({ path, fields }: Item): readonly Bound[] {
  const { address = defaults.address, port } = fields;
  // What is no address or port is told by the schema; port 0 is a different one each time.
  if (typeof address !== 'string' || isIP(address) === 0 || typeof port !== 'number' || port === 0) return [];
  return [{ path: [...path, 'port'], ip: oneSpelling(address), port }];
}

function boundByAdmin(document: YamlDocument): readonly Bound[] {
  const path = ['gateway', 'envoy', 'admin'];
  const written = valueAt(document, path);
  const parsed = typeof written === 'string' ? parseHostAndPort(written) : null;
  return parsed === null ? [] : [{ path, ip: oneSpelling(parsed.ip), port: parsed.port }];
}

/** `0:0:0:0:0:0:0:1` and `::1` are the same. */
const oneSpelling = (ip: string): string =>
  isIP(ip) === 6 ? canonicalIp(new SocketAddress({ address: ip, family: 'ipv6' }).address) : ip;

function workersWithoutRedis(document: YamlDocument): readonly Finding[] {
  const path = ['gateway', 'workers'];
  const workers = valueAt(document, path);
  // What is no number of workers is told by the schema.
  if (typeof workers !== 'number' || workers <= 1) return [];
  if ((valueAt(document, ['approvals', 'redis']) ?? null) !== null) return [];
  return [
    error(path, 'more than 1 needs approvals.redis, by which the workers share holds, grants and sessions'),
  ];
}

function audienceFindings({ path, fields }: Item): readonly Finding[] {
  const { audience, consoleAudience, loginClientId } = fields;
  if (consoleAudience === undefined && loginClientId !== undefined) {
    return [
      error([...path, 'loginClientId'], 'needs consoleAudience: people log in to use the gateway’s own API'),
    ];
  }
  if (typeof audience !== 'string' || consoleAudience !== audience) return [];
  return [
    error(
      [...path, 'consoleAudience'],
      'must be another than audience, or tokens that agents bring to targets could approve what they ask for',
    ),
  ];
}

const nobodyKnown = (document: YamlDocument, sources: readonly Item[]): readonly Finding[] =>
  isSection(valueAt(document, ['identity'])) && sources.length === 0
    ? [
        {
          ...error(['identity'], 'names neither issuers nor certificates, so nobody could ever log in'),
          atKey: true,
        },
      ]
    : [];

const error = (path: ValuePath, message: string): Finding => ({ severity: 'error', path, message });

function itemsAt(document: YamlDocument, path: ValuePath): readonly Item[] {
  const list = valueAt(document, path);
  if (!Array.isArray(list)) return [];
  return list.flatMap((fields: unknown, index): readonly Item[] =>
    isSection(fields) ? [{ path: [...path, index], fields }] : [],
  );
}

function valueAt(document: YamlDocument, path: ValuePath): unknown {
  let here: unknown = document.value;
  for (const step of path) {
    if (!isSection(here) || !Object.hasOwn(here, step)) return undefined;
    here = here[step];
  }
  return here;
}

const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
