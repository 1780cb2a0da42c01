import pg from 'pg';
import type { Mask } from '../../../../services/core/model/decision.ts';
import { targetName } from '../../../../services/core/model/ids.ts';
import { Secret } from '../../../../services/core/model/secret.ts';
import { createMaskInstaller } from '../../../../services/protocols/postgres/ring/installer.ts';
import { ringOf } from '../../../../services/protocols/postgres/ring/ring.ts';
import type { PostgresTarget } from '../../../../services/protocols/postgres/target.ts';
import type { MaskInstaller } from '../../../../services/protocols/protocol.ts';
import type { PostgresServer } from '../../../servers/postgres.ts';
import { key, obligations } from '../mask/fixtures.ts';
import { testTarget } from '../session/target.ts';

export const ringPassword = 'the-password-of-rings';
const name = targetName('shop');

/** A target of which the gateway's login is `user`, with `app` and `public` in its path. */
export const ringTarget = (server: PostgresServer, database: string, user: string): PostgresTarget =>
  testTarget({
    port: server.port,
    database,
    user,
    searchPath: ['app', 'public'],
    ring: { password: new Secret(ringPassword) },
  });

export async function installerOf(
  target: PostgresTarget,
  ...sets: readonly (readonly Mask[])[]
): Promise<MaskInstaller> {
  const all = sets.map((masks) => obligations(...masks));
  const installer = await createMaskInstaller(name, target, all, () => Promise.resolve(key));
  if (installer === null) throw new Error('the target has a ring');
  return installer;
}

/** Installs as `postgres`, and gives the role of the first set. */
export async function install(
  target: PostgresTarget,
  ...sets: readonly (readonly Mask[])[]
): Promise<string> {
  const installer = await installerOf(target, ...sets);
  await installer.run(await installer.installScript(), 'postgres', null);
  return roleOf(target, sets[0] ?? []);
}

export function roleOf(target: PostgresTarget, masks: readonly Mask[]): string {
  const ring = ringOf(name, target, obligations(...masks));
  if (ring === null) throw new Error('these masks name fields');
  return ring.role;
}

/** A client's session as the gateway opens it in a ring, without any gateway. */
export async function connectAs(
  role: string,
  { port, database, searchPath }: PostgresTarget,
): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, database, user: role, password: ringPassword });
  await client.connect();
  await client.query(`SET search_path TO "${role}", ${searchPath.join(', ')}, pg_temp`);
  return client;
}
