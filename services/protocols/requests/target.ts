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

/** A server behind the gateway to which Envoy forwards requests. */
export interface RequestTarget {
  readonly host: string;
  readonly port: number;
  /** As it stands in `Host`: with the port, unless that is the scheme's own. */
  readonly authority: string;
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

/** Types are few, and more of them would say that nothing is to be masked. */
const maxUnmaskedTypes = 32;

const mediaType = z
  .string()
  .max(100)
  .regex(/^[a-z]+\/(?:\*|[a-z0-9][a-z0-9.+_-]*)$/, {
    error: 'must be a media type such as image/png or image/*',
  });

/** Whether one of these types is the one that Content-Type says. */
export function isOneOf(types: readonly string[], contentType: string): boolean {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  return types.some((each) => each === type || (each.endsWith('/*') && type.startsWith(each.slice(0, -1))));
}

/** A header's value can hold visible ASCII and spaces between (RFC 9110 section 5.5); more would let it begin another header. */
const fitsHeader = (secret: Secret): boolean => /^[!-~](?:[ -~]*[!-~])?$/.test(secret.reveal());
const headerSecret = (parts: ConfigParts) =>
  parts.secret.refine(fitsHeader, { error: 'what it refers to has characters that no header can hold' });

/** Headers that are Envoy's or the route's to set. */
const notACredential =
  /^(?:host|connection|content-|transfer-|te$|trailer|upgrade|proxy-|x-forwarded-|x-envoy-|:)/;

const credentialSchema = (parts: ConfigParts) =>
  z
    .strictObject({
      bearer: headerSecret(parts).optional().describe('Sent as "Authorization: Bearer"'),
      basic: z
        .strictObject({
          user: z
            .string()
            .regex(/^[ -9;-~]+$/, { error: 'must be ASCII without a colon' })
            .describe('User name'),
          password: headerSecret(parts).describe('env:NAME or file:PATH'),
        })
        .optional()
        .describe('Sent as "Authorization: Basic"'),
      header: z
        .strictObject({
          name: z
            .string()
            .regex(/^[A-Za-z0-9-]+$/, { error: 'must be a header’s name of letters, digits and "-"' })
            .transform((name) => name.toLowerCase())
            .refine((name) => !notACredential.test(name), { error: 'is not a header for credentials' })
            .describe('Such as X-Api-Key'),
          value: headerSecret(parts).describe('env:NAME or file:PATH'),
        })
        .optional()
        .describe('Sent in a header of its own'),
    })
    .refine((written) => Object.values(written).filter((value) => value !== undefined).length === 1, {
      error: 'must be one of bearer, basic and header',
    })
    .transform(({ bearer, basic, header }): TargetCredential => {
      if (bearer !== undefined) return { kind: 'bearer', token: bearer };
      if (basic !== undefined) return { kind: 'basic', ...basic };
      return header === undefined ? { kind: 'none' } : { kind: 'header', ...header };
    });

/** The keys of such a target in sallyport.yaml. */
export const requestTargetSchema = (parts: ConfigParts): z.ZodType<RequestTarget> =>
  z
    .strictObject({
      url: z
        .string()
        .superRefine((text, context) => {
          const fault = urlFault(text);
          if (fault !== null) context.addIssue({ code: 'custom', message: fault });
        })
        .describe('https:// or http://, a host and if need be a port; paths are the clients’ own'),
      hosts: z
        .array(hostName)
        .max(maxHosts)
        .default([])
        .describe('Host names under which clients reach it, beside the path /t/NAME/'),
      credential: credentialSchema(parts)
        .optional()
        .describe('What the gateway proves itself with; clients never see it'),
      tls: z
        .strictObject({
          ca: parts.textFile
            .optional()
            .describe('PEM file of the CA; the CAs that Node comes with by default'),
          certificate: parts.textFile.optional().describe("PEM file of the gateway's client certificate"),
          key: parts.secret.optional().describe('file: of its private key'),
        })
        .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
          error: 'needs certificate and key together',
        })
        .optional()
        .describe('TLS to the target, whose name is always verified'),
      maxBody: parts.size
        .prefault(defaultBodySize)
        .refine((bytes) => bytes <= maxBodyBytes, { error: `must be at most ${maxBodyBytes / 1024 ** 2}MiB` })
        .describe('Largest body of a request; a larger one is refused'),
      connectTimeout: parts.duration
        .prefault('5s')
        .refine((ms) => ms > 0, { error: 'must be more than 0' })
        .describe('Longest time until the target has accepted the connection'),
      unmasked: z
        .array(mediaType)
        .max(maxUnmaskedTypes)
        .default([])
        .describe('Types of answers, such as image/*, that pass where masks are in force, unread'),
    })
    .refine(({ url, tls }) => tls === undefined || !url.startsWith('http:'), {
      path: ['tls'],
      error: 'belongs to an https:// URL',
    })
    .refine(({ hosts }) => new Set(hosts).size === hosts.length, {
      path: ['hosts'],
      error: 'must not name a host twice',
    })
    .transform(({ url, hosts, credential, tls, maxBody, connectTimeout, unmasked }): RequestTarget => {
      const { protocol, hostname, port, host } = new URL(url);
      const https = protocol === 'https:';
      return {
        host: hostname.replace(/^\[(.*)\]$/, '$1'),
        port: port === '' ? (https ? 443 : 80) : Number(port),
        authority: host,
        tls: https
          ? {
              ca: tls?.ca ?? null,
              identity:
                tls?.certificate === undefined || tls.key === undefined
                  ? null
                  : { certificate: tls.certificate, key: tls.key },
            }
          : null,
        hosts,
        credential: credential ?? { kind: 'none' },
        maxBodyBytes: maxBody,
        connectTimeoutMs: connectTimeout,
        unmasked,
      };
    });

function urlFault(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return 'must be a URL such as https://billing.internal:8443';
  }
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user or a password: they go under credential';
  if (url.search !== '' || url.hash !== '' || text.includes('?') || text.includes('#'))
    return 'must have no query and no fragment';
  if (url.pathname !== '/')
    return 'must have no path: rules are about the paths that the target sees, and clients send them';
  if (isIP(url.hostname.replace(/^\[(.*)\]$/, '$1')) === 0 && !hostName.safeParse(url.hostname).success) {
    return 'must name a host or an address';
  }
  return null;
}
