import { type PostgresTarget, usualKeepalive } from '../../../../services/protocols/postgres/target.ts';

/** Without TLS, as `postgres`, and trusted: what a config says that says no more than the host. */
export const testTarget = (
  change: Partial<PostgresTarget> & Pick<PostgresTarget, 'port'>,
): PostgresTarget => ({
  host: '127.0.0.1',
  furtherHosts: [],
  loadBalanceHosts: false,
  sessionAttributes: 'any',
  keepalive: usualKeepalive,
  database: 'postgres',
  user: 'postgres',
  password: null,
  authentication: ['scram-sha-256'],
  tls: { mode: 'disable', channelBinding: 'prefer', ca: null, certificate: null, key: null },
  searchPath: [],
  ring: null,
  connectTimeoutMs: 5000,
  catalogRefreshMs: 10_000,
  ...change,
});
