import { z } from 'zod';
import type { ConfigParts } from '../../../services/core/config/parts.ts';
import type { TargetProtocol } from '../../../services/core/config/sections/targets.ts';

/** Two protocols that use every building block, in the ways in which a protocol would. */
export const protocols: readonly TargetProtocol[] = [
  {
    name: 'postgres',
    listeners: 'postgres',
    targetSchema: (parts: ConfigParts) =>
      z
        .strictObject({
          host: z
            .string()
            .min(1)
            .meta({ description: 'Host name', examples: ['db.internal'] }),
          port: z
            .int()
            .min(1)
            .max(65_535)
            .default(5432)
            .meta({ description: 'Port', examples: [5433] }),
          password: parts.secret.optional().meta({ description: 'Password' }),
          tls: z
            .strictObject({
              mode: z
                .enum(['require', 'verify-full'])
                .default('verify-full')
                .meta({ description: 'How far the server is verified', examples: ['require'] }),
              ca: parts.textFile.optional().meta({ description: 'CA' }),
            })
            .prefault({})
            .meta({ description: 'TLS' }),
          connectTimeout: parts.duration.prefault('5s').meta({ description: 'Longest time for the login' }),
        })
        .refine(({ port, host }) => host !== 'localhost' || port !== 1, {
          path: ['port'],
          error: 'is not a port that anybody uses',
        })
        .refine(({ host, password }) => host !== 'public' || password !== undefined, {
          path: ['password'],
          error: 'is needed by a host like that',
        })
        .transform(({ connectTimeout, ...target }) => ({ ...target, connectTimeoutMs: connectTimeout })),
  },
  {
    name: 'http',
    listeners: 'http',
    targetSchema: (parts: ConfigParts) =>
      z.strictObject({
        url: z
          .string()
          .min(1)
          .meta({ description: 'URL', examples: ['https://api.internal'] }),
        maxBody: parts.size.prefault('1MiB').meta({ description: 'Largest body' }),
      }),
  },
];
