import { z } from 'zod';
import type { Secret } from '../../core/model/secret.ts';
import type { ConfigParts } from '../protocol.ts';

/** As libpq's sslmode: from no TLS at all to a verified name. `allow` is left out: it prefers plain text. */
export const tlsModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof tlsModes)[number];

/** Ways in which a server may ask for the password. A server that asks for another is not answered. */
export const passwordMethods = ['scram-sha-256', 'md5', 'password'] as const;
export type PasswordMethod = (typeof passwordMethods)[number];

/** A PostgreSQL database behind the gateway, and the gateway's own login to it. */
export interface PostgresTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret | null;
  readonly authentication: readonly PasswordMethod[];
  readonly tls: {
    readonly mode: TlsMode;
    /** PEM; the system's CAs when null. */
    readonly ca: string | null;
    readonly certificate: string | null;
    readonly key: Secret | null;
  };
  /** Schemas in which unqualified names are looked up; pinned in every session. */
  readonly searchPath: readonly string[];
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

/** The keys of a PostgreSQL target in sallyport.yaml. */
export const postgresTargetSchema = (parts: ConfigParts): z.ZodType<PostgresTarget> =>
  z
    .strictObject({
      host: z.string().min(1).describe('Host name or address of the PostgreSQL server'),
      port: z.int().min(1).max(65_535).default(5432),
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
          ca: parts.textFile.optional().describe("PEM file of the CA; the system's CAs by default"),
          certificate: parts.textFile.optional().describe("PEM file of the gateway's client certificate"),
          key: parts.secret.optional().describe('file: of its private key'),
        })
        .prefault({}),
      searchPath: z
        .array(schemaName)
        .default(['public'])
        .describe('Schemas in which unqualified names are looked up; pinned in every session'),
      connectTimeout: parts.duration
        .prefault('5s')
        .describe('Longest time until the server has accepted the login'),
      catalogRefresh: parts.duration
        .prefault('10s')
        .describe('How often the catalog is asked whether it changed'),
    })
    .transform((section) => ({
      host: section.host,
      port: section.port,
      database: section.database,
      user: section.user,
      password: section.password ?? null,
      authentication: section.authentication,
      tls: {
        mode: section.tls.mode,
        ca: section.tls.ca ?? null,
        certificate: section.tls.certificate ?? null,
        key: section.tls.key ?? null,
      },
      searchPath: section.searchPath,
      connectTimeoutMs: section.connectTimeout,
      catalogRefreshMs: section.catalogRefresh,
    }));
