import { z } from 'zod';
import { Secret } from '../../model/secret.ts';
import type { ApprovalSettings } from '../../model/settings.ts';
import { defaults } from '../defaults.ts';
import { follow } from '../parts.ts';
import type { References } from '../references.ts';
import { orNull } from './pieces.ts';

export const approvalsSchema = (references: References) =>
  z
    .strictObject({
      redis: orNull(redisSchema(references)),
      maxOpenPerPrincipal: z
        .int()
        .min(1)
        .max(1_000)
        .default(defaults.maxOpenPerPrincipal)
        .meta({ description: 'Holds that one principal may have open at a time', examples: [10] }),
    })
    .transform(
      ({ redis, maxOpenPerPrincipal }): ApprovalSettings => ({ redisUrl: redis, maxOpenPerPrincipal }),
    )
    .meta({ description: 'Where holds and grants are kept, and how many there may be' });

/** Without `@`, `?` and `#`, so that there is no place for a password (ioredis takes one from the query as well). */
const openUrl = /^rediss?:\/\/[^@?#\s]+$/;
const written = /^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^\0]+|rediss?:\/\/[^@?#\s]+)$/;

const wanted =
  'must be env:NAME or file:PATH, or a redis:// or rediss:// URL without a user, a password or a query';

/** A URL that holds no password may stand in the file; any other is a secret. */
const redisSchema = (references: References) =>
  z
    .string({ error: wanted })
    .regex(written, { error: wanted })
    .meta({
      description:
        'Redis that several gateways share: env:NAME or file:PATH of its URL, or the URL itself if it holds no ' +
        'password. Without it, holds and grants live in this process and its journal',
      examples: ['env:REDIS_URL', 'redis://127.0.0.1:6379'],
    })
    .transform((text, context) =>
      openUrl.test(text) ? new Secret(text) : follow(references.secret(text), context),
    )
    .refine((url) => isRedisUrl(url), { error: 'what it refers to is not a redis:// or rediss:// URL' });

function isRedisUrl(secret: Secret): boolean {
  const url = URL.parse(secret.reveal());
  return url !== null && (url.protocol === 'redis:' || url.protocol === 'rediss:') && url.hostname !== '';
}
