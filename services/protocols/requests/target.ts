import { isIP } from 'node:net';
import { z } from 'zod';
import type { Secret } from '../../core/model/secret.ts';
import type { ConfigParts } from '../protocol.ts';
import { defaultBodySize, maxBodyBytes } from './limits.ts';

/** What the gateway proves itself with at the target. */
export type TargetCredential =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly token: Secret }
  | { readonly kind: 'basic'; readonly user: string; readonly password: Secret }
  | { readonly kind: 'header'; readonly name: string; readonly value: Secret };

/** What is spoken to a target; `negotiated` takes TLS, by which it chooses (ALPN). */
export type HttpVersion = '1.1' | '2' | 'negotiated';

/** A server behind the gateway to which Envoy forwards requests. */
export interface RequestTarget {
  readonly host: string;
  readonly port: number;
  /** As it stands in `Host`: with the port, unless that is the scheme's own. */
  readonly authority: string;
  /** The path of its URL, before each path that a client asks for; without a slash at its end, so mostly empty. */
  readonly basePath: string;
  readonly httpVersion: HttpVersion;
  /** Paths, as it sees them, whose requests go on as they come, their bodies unread. */
  readonly streams: readonly string[];
  /** Null: plain HTTP. */
  readonly tls: TargetTls | null;
  /** Host names of the gateway that are this target's alone, in lower case. */
  readonly hosts: readonly string[];
  readonly credential: TargetCredential;
  readonly maxBodyBytes: number;
  readonly connectTimeoutMs: number;
  /** Media types of answers that pass as they are although nothing can be masked in them: `image/png`, `image/*`. */
  readonly unmasked: readonly string[];
}

export interface TargetTls {
  /** PEM; the CAs that Node comes with when null. */
  readonly ca: string | null;
  /** The gateway's own, PEM. */
  readonly identity: { readonly certificate: string; readonly key: Secret } | null;
}

/** A name of a host of its own, as RFC 1123 section 2.1 has it; a wildcard would take names from other targets. */
const hostName = z
  .string()
  .max(253)
  .regex(/^(?=.*[a-z])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, {
    error: 'must be a host name in lower case, without a port and without *',
  });

/** More names for one API are aliases that nobody keeps in mind. */
const maxHosts = 16;

/** Whether one of these types is the one that Content-Type says. */
export function isOneOf(types: readonly string[], contentType: string): boolean {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  return types.some((each) => each === type || (each.endsWith('/*') && type.startsWith(each.slice(0, -1))));
}

/** A header's value can hold visible ASCII and spaces between (RFC 9110 section 5.5); more would let it begin another header. */
const fitsHeader = (secret: Secret): boolean => /^[!-~](?:[ -~]*[!-~])?$/.test(secret.reveal());
export const headerSecret = (parts: ConfigParts) =>
  parts.secret.refine(fitsHeader, { error: 'what it refers to has characters that no header can hold' });

/** Keys that all such targets have. */
export const commonTargetKeys = (parts: ConfigParts) => ({
  hosts: z
    .array(hostName)
    .max(maxHosts)
    .refine((hosts) => new Set(hosts).size === hosts.length, { error: 'must not name a host twice' })
    .default([])
    .describe('Host names under which clients reach it, beside its path'),
  maxBody: parts.size
    .prefault(defaultBodySize)
    .refine((bytes) => bytes <= maxBodyBytes, { error: `must be at most ${maxBodyBytes / 1024 ** 2}MiB` })
    .describe('Largest body of a request; a larger one is refused'),
  connectTimeout: parts.duration
    .prefault('5s')
    .refine((ms) => ms > 0, { error: 'must be more than 0' })
    .describe('Longest time until the target has accepted the connection'),
});

export const serverUrl = z.string().superRefine((text, context) => {
  const fault = urlFault(text);
  if (fault !== null) context.addIssue({ code: 'custom', message: fault });
});

/** Where a URL leads that has no fault. */
export function placeOf(url: string): Pick<RequestTarget, 'host' | 'port' | 'authority' | 'basePath'> {
  const { protocol, hostname, port, host, pathname } = new URL(url);
  const ofScheme = protocol === 'https:' ? 443 : 80;
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? ofScheme : Number(port),
    authority: host,
    basePath: pathname.replace(/\/$/, ''),
  };
}

function urlFault(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return 'must be a URL such as https://billing.internal:8443';
  }
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user or a password: they go under credential';
  if (url.search !== '' || url.hash !== '' || text.includes('?') || text.includes('#'))
    return 'must have no query and no fragment';
  // As it is written, since new URL() takes dots and the like away quietly.
  const written = /^https?:\/\/[^/]*(?<path>.*)$/i.exec(text)?.groups?.['path'] ?? '';
  if (!/^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/?$/.test(written))
    return 'must have a path of letters, digits and ._~- between slashes, or none';
  if (isIP(url.hostname.replace(/^\[(.*)\]$/, '$1')) === 0 && !hostName.safeParse(url.hostname).success) {
    return 'must name a host or an address';
  }
  return null;
}
