import { isIP } from 'node:net';
import { z } from 'zod';
import { AddressRanges, isLoopback } from '../../model/address.ts';
import { listenerName } from '../../model/ids.ts';
import type {
  EnvoySettings,
  ListenerOauthSettings,
  ListenerSettings,
  ListenerTlsSettings,
} from '../../model/settings.ts';
import { defaults } from '../defaults.ts';
import { maxListenerNameCharacters, maxStateDirBytes, maxWorkers, minIdleTimeoutMs } from '../limits.ts';
import type { ConfigParts } from '../parts.ts';
import { belongTogether } from '../pem.ts';
import type { References } from '../references.ts';
import { certificates, checked, orNull, privateKey, text } from './pieces.ts';

export function gatewaySchema(parts: ConfigParts, references: References, protocols: readonly string[]) {
  return z
    .strictObject({
      stateDir: stateDirSchema(references).prefault(defaults.stateDir),
      workers: z
        .int()
        .min(1)
        .max(maxWorkers)
        .default(defaults.workers)
        .meta({
          description:
            'Gateway processes on this machine, among which Envoy spreads the connections; more than 1 needs ' +
            '`approvals.redis`, and no more than cores are of use',
          examples: [2],
        }),
      listeners: z
        .array(listenerSchema(parts, protocols))
        .min(1)
        .meta({ description: 'Ports that Envoy binds, and what is spoken on each' }),
      envoy: envoySchema.prefault({}),
    })
    .meta({ description: 'What this gateway listens on, and where it keeps its state' });
}

/** The limits that a listener may name for itself, or that `limits.listener` names for all. */
export const listenerLimits = (parts: ConfigParts) => ({
  maxConnections: z
    .int()
    .min(1)
    .max(1_000_000)
    .meta({ description: 'Connections at a time; more are closed at once', examples: [200] }),
  connectionsPerSecond: z
    .int()
    .min(1)
    .max(1_000_000)
    .meta({ description: 'New connections in a second; more are closed at once', examples: [50] }),
  idleTimeout: parts.duration
    .refine((ms) => ms >= minIdleTimeoutMs, {
      error: 'must be at least 1m, or it would close connections that wait for an approval',
    })
    .meta({
      description:
        'Longest time without a byte either way before Envoy closes a connection; must outlive every hold',
    }),
});

/** `ListenerOauthSettings` while the issuer is a name. */
export type WrittenOauth = Omit<ListenerOauthSettings, 'issuerUrl'> & { readonly issuer: string };

/** `ListenerSettings` while it may still lack what other sections say: `limits.listener`, and issuers by their names. */
export type WrittenListener = Omit<
  ListenerSettings,
  'oauth' | 'maxConnections' | 'connectionsPerSecond' | 'idleTimeoutMs'
> & {
  readonly oauth: WrittenOauth | null;
  readonly maxConnections: number | null;
  readonly connectionsPerSecond: number | null;
  readonly idleTimeoutMs: number | null;
};

function listenerSchema(parts: ConfigParts, protocols: readonly string[]) {
  const limits = listenerLimits(parts);
  return z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, { error: 'must be made of letters, digits, "-" and "_"' })
        .max(maxListenerNameCharacters)
        .meta({ description: 'Names the listener in policies, logs and metrics', examples: ['postgres'] }),
      protocol: z
        .enum(protocols)
        .meta({ description: 'What clients speak on this port', examples: protocols.slice(0, 1) }),
      address: checked(z.string(), addressFault)
        .default(defaults.address)
        .meta({
          description:
            'IP address to bind: 0.0.0.0 is every IPv4 address of this machine, and :: every IPv6 one',
          examples: ['0.0.0.0'],
        }),
      port: z
        .int()
        .min(0)
        .max(65_535)
        .meta({ description: 'TCP port to bind; 0 lets the kernel choose one', examples: [5432] }),
      tls: orNull(tlsSchema(parts)),
      oauth: orNull(oauthSchema),
      sources: orNull(
        z
          .array(checked(z.string(), rangeFault))
          .min(1)
          .meta({
            description: 'Addresses and CIDR ranges that may connect at all; everybody, when it is not given',
            examples: [['10.0.0.0/8', '2001:db8::/32']],
          }),
      ),
      maxConnections: orNull(limits.maxConnections),
      connectionsPerSecond: orNull(limits.connectionsPerSecond),
      idleTimeout: orNull(limits.idleTimeout),
    })
    .transform(
      ({ name, idleTimeout, ...listener }): WrittenListener => ({
        ...listener,
        name: listenerName(name),
        idleTimeoutMs: idleTimeout,
      }),
    );
}

const tlsSchema = (parts: ConfigParts) =>
  z
    .strictObject({
      certificate: certificates(parts).meta({
        description: 'PEM file of the server’s certificate, followed by those of its intermediate CAs',
      }),
      key: privateKey(parts).meta({ description: 'Private key of the certificate, in PEM' }),
      clientCa: orNull(
        certificates(parts).meta({
          description:
            'PEM file of CAs; with it, clients are asked for a certificate, which these must have signed',
        }),
      ),
      required: z
        .boolean()
        .default(defaults.tlsRequired)
        .meta({ description: 'Refuse clients that do not ask for TLS', examples: [true] }),
    })
    .refine(({ certificate, key }) => belongTogether(certificate, key), {
      path: ['key'],
      error: 'is not the private key of the certificate',
    })
    .transform((tls): ListenerTlsSettings => tls)
    .meta({
      description: 'TLS towards clients; without it the listener takes no tokens but from this machine',
    });

/** RFC 6749 section 3.3: words of visible ASCII without quotes and backslashes, one space between two. */
const scopePattern = /^[!#-[\]-~]+(?: [!#-[\]-~]+)*$/;

const oauthSchema = z
  .strictObject({
    issuer: text.meta({
      description: 'Name of the issuer in `identity.issuers` to which clients are sent for a token',
      examples: ['company'],
    }),
    scope: text.regex(scopePattern, { error: 'must be OAuth scopes with one space between two' }).meta({
      description: 'OAuth scopes that clients ask it for; with them it must give tokens for its `audience`',
      examples: ['openid sallyport'],
    }),
    required: z
      .boolean()
      .default(defaults.oauthRequired)
      .meta({
        description:
          'Ask every client in this way, and none for a password; otherwise only those that say sallyport.login=oauth',
        examples: [true],
      }),
  })
  .transform((oauth): WrittenOauth => oauth)
  .meta({
    description:
      'SASL OAUTHBEARER beside passwords: clients that speak it (libpq 18) learn here where they get a token',
  });

const envoySchema = z
  .strictObject({
    admin: orNull(
      checked(z.string(), adminFault).meta({
        description:
          'IP address and port, on this machine only, for Envoy’s admin interface, which asks for no password; ' +
          'a unix socket in the state folder, when it is not given',
        examples: ['127.0.0.1:9901', '[::1]:9901'],
      }),
    ),
    concurrency: orNull(
      z
        .int()
        .min(1)
        .max(1024)
        .meta({
          description: 'Envoy’s worker threads; one for each core, when it is not given',
          examples: [2],
        }),
    ),
  })
  .transform((envoy): EnvoySettings => envoy)
  .meta({ description: 'Envoy itself' });

export const stateDirSchema = (references: References) =>
  z
    .string()
    .regex(/^[^\0]+$/, { error: 'must be the path of a folder' })
    .meta({
      description:
        'Folder for the trail, transcripts, keys, journals and sockets, made with mode 0700; relative to this file',
      examples: ['/var/lib/sallyport'],
    })
    .transform((path) => references.path(path))
    .refine((path) => Buffer.byteLength(path) <= maxStateDirBytes, {
      error: `must be a path of at most ${maxStateDirBytes} bytes, or the unix sockets in it could not be bound`,
    });

const addressFault = (address: string): string | null =>
  isIP(address) !== 0 && !address.includes('%')
    ? null
    : 'must be an IP address, such as 127.0.0.1, 0.0.0.0 or ::1; Envoy binds no names';

function rangeFault(range: string): string | null {
  const wanted = 'must be an IP address or a CIDR range, such as 10.0.0.0/8';
  if (range.includes('%') || range.split('/').length > 2) return wanted;
  try {
    new AddressRanges([range]);
    return null;
  } catch {
    // Whatever it is that node:net does not take, it is not what is wanted.
    return wanted;
  }
}

const hostAndPort = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<v4>[0-9.]+)):(?<port>[1-9][0-9]{0,4})$/;

/** `127.0.0.1:9901` or `[::1]:9901`; null when it is neither. */
export function parseHostAndPort(written: string): { readonly ip: string; readonly port: number } | null {
  const { v4, v6, port } = hostAndPort.exec(written)?.groups ?? {};
  const ip = v6 ?? v4 ?? '';
  const number = Number(port);
  return isIP(ip) === (v6 === undefined ? 4 : 6) && number <= 65_535 ? { ip, port: number } : null;
}

function adminFault(written: string): string | null {
  const parsed = parseHostAndPort(written);
  if (parsed === null) return 'must be an IP address and a port, such as 127.0.0.1:9901 or [::1]:9901';
  return isLoopback(parsed)
    ? null
    : 'must be on this machine only (127.0.0.1 or [::1]): it asks for no password';
}
