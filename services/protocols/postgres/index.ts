import type { Protocol } from '../protocol.ts';
import { createAnalyst } from './analyst.ts';
import { PostgresEngine } from './engine.ts';
import { postgresPolicy } from './policy.ts';
import { createMaskInstaller } from './ring/installer.ts';
import { type PostgresTarget, postgresTargetSchema } from './target.ts';

/** PostgreSQL, frontend/backend protocol 3.0 and 3.2. */
export const postgres: Protocol<PostgresTarget> = {
  name: 'postgres',
  listeners: 'postgres',
  policy: postgresPolicy,
  targetSchema: postgresTargetSchema,
  createEngine: (services) => new PostgresEngine(services),
  createAnalyst,
  createMaskInstaller,
};
