import { z } from 'zod';
import { InvariantError } from '../../core/model/errors.ts';
import type { Secret } from '../../core/model/secret.ts';
import type { ConfigParts } from '../protocol.ts';

/** As libpq's sslmode: from no TLS at all to a verified name. `allow` is left out: it prefers plain text. */
export const tlsModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof tlsModes)[number];

/** Ways in which a server may ask for the password. A server that asks for another is not answered. */
export const passwordMethods = ['scram-sha-256', 'md5', 'password'] as const;
export type PasswordMethod = (typeof passwordMethods)[number];

/** As libpq's channel_binding: whether the login is bound to the server's certificate (SCRAM-SHA-256-PLUS). */
export const channelBindings = ['prefer', 'require', 'disable'] as const;
export type ChannelBinding = (typeof channelBindings)[number];

/** As libpq's target_session_attrs: which of several servers will do. */
export const sessionAttributes = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const;
export type SessionAttributes = (typeof sessionAttributes)[number];

/** One server of a target. */
export interface TargetHost {
  /** Name or address. */
  readonly host: string;
  readonly port: number;
}

/** TCP keepalive: after `idleMs` without traffic, `count` probes every `intervalMs`; then the connection is lost. */
export interface Keepalive {
  readonly idleMs: number;
  readonly intervalMs: number;
  readonly count: number;
}

/** A lost server is noticed within two minutes, and no firewall on the way forgets an idle connection (most take five minutes or more). */
export const usualKeepalive: Keepalive = { idleMs: 60_000, intervalMs: 10_000, count: 6 };

/** The login of sessions in the ring inside the database (ring/ring.ts): one password for the roles of all its sets of masks. */
export interface RingLogin {
  readonly password: Secret;
}

/** A PostgreSQL database behind the gateway, and the gateway's own login to it. */
export interface PostgresTarget extends TargetHost {
  /** Tried when the one above will not do, in this order. */
  readonly furtherHosts: readonly TargetHost[];
  /** Try them in random order, each time another. */
  readonly loadBalanceHosts: boolean;
  readonly sessionAttributes: SessionAttributes;
  readonly keepalive: Keepalive;
  readonly database: string;
  readonly user: string;
  readonly password: Secret | null;
  readonly authentication: readonly PasswordMethod[];
  readonly tls: {
    readonly mode: TlsMode;
    readonly channelBinding: ChannelBinding;
    /** PEM; the system's CAs when null. */
    readonly ca: string | null;
    readonly certificate: string | null;
    readonly key: Secret | null;
  };
  /** Schemas in which unqualified names are looked up; pinned in every session. */
  readonly searchPath: readonly string[];
  /** Null: masks are applied on the wire alone. */
  readonly ring: RingLogin | null;
  /** For each host, until it has accepted the login. */
  readonly connectTimeoutMs: number;
  /** How often the catalog is asked whether it changed. */
  readonly catalogRefreshMs: number;
}

const schemaName = z
  .string()
  .min(1)
  .max(63)
  // "$user" would let whoever can create a schema of the login's name shadow every table.
  .refine((name) => !name.startsWith('$'), 'a schema of its own name, not a variable like "$user"');

const defaultPort = 5432;

/** Each is tried in turn while a client waits, so that more of them than a cluster has servers would only make it wait longer. */
const maxHosts = 16;

const hostName = z.string().min(1).max(255);
const portNumber = z.int().min(1).max(65_535);

/** Linux takes whole seconds, up to 32,767 (TCP_KEEPIDLE, TCP_KEEPINTVL) and 127 probes (TCP_KEEPCNT): net/tcp.h. */
const keepaliveTime = (parts: ConfigParts, written: string) =>
  parts.duration
    .refine((ms) => ms >= 1_000 && ms <= 32_767_000 && ms % 1_000 === 0, {
      error: 'must be whole seconds, from 1s to 32767s',
    })
    .prefault(written);

/** Whether there is a section to look at, whatever else is wrong in it: so that all of that is told at once. */
const isSection = ({ value }: { readonly value: unknown }): boolean =>
  typeof value === 'object' && value !== null;

/** The keys of a PostgreSQL target in sallyport.yaml. */
export const postgresTargetSchema = (parts: ConfigParts): z.ZodType<PostgresTarget> =>
  z
    .strictObject({
      host: hostName.optional().describe('Host name or address of the PostgreSQL server'),
      port: portNumber.optional().describe(`${defaultPort} by default`),
      hosts: z
        .array(
          z.strictObject({
            host: hostName.describe('Host name or address'),
            port: portNumber.default(defaultPort).describe('Its port'),
          }),
        )
        .min(1)
        .max(maxHosts)
        .refine((hosts) => new Set(hosts.map(({ host, port }) => `${host} ${port}`)).size === hosts.length, {
          error: 'must not name a server twice',
        })
        .optional()
        .describe('Servers of one cluster, instead of host and port: the first one that will do is used'),
      loadBalanceHosts: z.boolean().default(false).describe('Try the hosts in random order'),
      targetSessionAttributes: z
        .enum(sessionAttributes)
        .default('any')
        .describe("Which of the hosts will do, as libpq's target_session_attrs"),
      keepalive: z
        .strictObject({
          idle: keepaliveTime(parts, '1m').describe('Silence after which the server is probed'),
          interval: keepaliveTime(parts, '10s').describe('Time between probes'),
          count: z
            .int()
            .min(1)
            .max(127)
            .default(usualKeepalive.count)
            .describe('Probes without an answer, after which the connection is lost'),
        })
        .prefault({})
        .describe('TCP keepalive on connections to the servers'),
      database: z.string().min(1).max(63).describe('Database on that server'),
      user: z
        .string()
        .min(1)
        .max(63)
        .describe('Role that the gateway logs in as; give it no more than clients need'),
      password: parts.secret.optional().describe('env:NAME or file:PATH'),
      authentication: z
        .array(z.enum(passwordMethods))
        .min(1)
        // md5 can be replayed by who steals the hash, and a clear password by who runs a false server: both are opted into.
        .default(['scram-sha-256'])
        .describe('Ways in which the server may ask for the password'),
      tls: z
        .strictObject({
          mode: z.enum(tlsModes).default('verify-full').describe("As libpq's sslmode"),
          channelBinding: z
            .enum(channelBindings)
            .default('prefer')
            .describe("As libpq's channel_binding: bind the login to the server's certificate"),
          ca: parts.textFile.optional().describe("PEM file of the CA; the system's CAs by default"),
          certificate: parts.textFile.optional().describe("PEM file of the gateway's client certificate"),
          key: parts.secret.optional().describe('file: of its private key'),
        })
        .prefault({}),
      searchPath: z
        .array(schemaName)
        .default(['public'])
        .describe('Schemas in which unqualified names are looked up; pinned in every session'),
      ring: z
        .strictObject({
          password: parts.secret.describe(
            'env:NAME or file:PATH; of the roles that `sallyport masking install` makes',
          ),
        })
        .optional()
        .describe('Open sessions under masks in the ring inside the database, or not at all'),
      connectTimeout: parts.duration
        .prefault('5s')
        .describe('Longest time for each host until it has accepted the login'),
      catalogRefresh: parts.duration
        .prefault('10s')
        .describe('How often the catalog is asked whether it changed'),
    })
    .refine(({ host, hosts }) => host !== undefined || hosts !== undefined, {
      path: ['host'],
      error: 'is missing; or name several servers as "hosts"',
      when: isSection,
    })
    .refine(({ host, hosts }) => host === undefined || hosts === undefined, {
      path: ['host'],
      error: 'must not stand beside "hosts": give one of them',
      when: isSection,
    })
    .refine(({ port, hosts }) => port === undefined || hosts === undefined, {
      path: ['port'],
      error: 'must not stand beside "hosts": each of these has its own',
      when: isSection,
    })
    .refine(({ tls }) => tls.channelBinding !== 'require' || tls.mode !== 'disable', {
      path: ['tls', 'channelBinding'],
      error: 'binds to TLS, which mode "disable" leaves out',
    })
    .refine(
      ({ tls, authentication }) =>
        tls.channelBinding !== 'require' || authentication.includes('scram-sha-256'),
      {
        path: ['tls', 'channelBinding'],
        error: 'is a part of scram-sha-256, which "authentication" leaves out',
      },
    )
    .transform(({ host, port = defaultPort, hosts, ...section }): PostgresTarget => {
      const [first, ...furtherHosts] = hosts ?? (host === undefined ? [] : [{ host, port }]);
      if (first === undefined)
        throw new InvariantError('a target has host or hosts, and these are not empty');
      return {
        ...first,
        furtherHosts,
        loadBalanceHosts: section.loadBalanceHosts,
        sessionAttributes: section.targetSessionAttributes,
        keepalive: {
          idleMs: section.keepalive.idle,
          intervalMs: section.keepalive.interval,
          count: section.keepalive.count,
        },
        database: section.database,
        user: section.user,
        password: section.password ?? null,
        authentication: section.authentication,
        tls: {
          mode: section.tls.mode,
          channelBinding: section.tls.channelBinding,
          ca: section.tls.ca ?? null,
          certificate: section.tls.certificate ?? null,
          key: section.tls.key ?? null,
        },
        searchPath: section.searchPath,
        ring: section.ring ?? null,
        connectTimeoutMs: section.connectTimeout,
        catalogRefreshMs: section.catalogRefresh,
      };
    });
