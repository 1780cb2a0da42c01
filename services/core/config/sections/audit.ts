import { z } from 'zod';
import type { AuditSettings } from '../../model/settings.ts';
import { defaults } from '../defaults.ts';
import type { ConfigParts } from '../parts.ts';
import { privateKeyOf } from '../pem.ts';
import { orNull } from './pieces.ts';

export const auditSchema = (parts: ConfigParts) =>
  z
    .strictObject({
      segmentSize: parts.size
        .refine((bytes) => bytes >= 1024 ** 2 && bytes <= 16 * 1024 ** 3, {
          error: 'must be from 1MiB to 16GiB',
        })
        .prefault(defaults.segmentSize)
        .meta({ description: 'Size at which the trail goes on in a new file' }),
      checkpointEvery: parts.duration
        .refine((ms) => ms >= 1_000 && ms <= 3_600_000, { error: 'must be from 1s to 1h' })
        .prefault(defaults.checkpointEvery)
        .meta({ description: 'Longest time between signed checkpoints of the trail while records come in' }),
      checkpointEveryRecords: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(defaults.checkpointRecords)
        .meta({ description: 'Most records between signed checkpoints of the trail', examples: [100] }),
      signingKey: orNull(
        parts.secret
          .refine((pem) => privateKeyOf(pem)?.asymmetricKeyType === 'ed25519', {
            error:
              'what it refers to is not an Ed25519 private key in PEM (openssl genpkey -algorithm ed25519)',
          })
          .meta({
            description:
              'Ed25519 private key (PKCS#8, PEM) that signs checkpoints; one is made in the state folder, ' +
              'when it is not given',
          }),
      ),
      transcripts: transcriptsSchema(parts).prefault({}),
    })
    .transform(
      ({ segmentSize, checkpointEvery, ...audit }): AuditSettings => ({
        ...audit,
        segmentBytes: segmentSize,
        checkpointEveryMs: checkpointEvery,
      }),
    )
    .meta({ description: 'The trail of all decisions, and the transcripts of sessions' });

const transcriptsSchema = (parts: ConfigParts) =>
  z
    .strictObject({
      enabled: z
        .boolean()
        .default(defaults.transcripts)
        .meta({ description: 'Whether sessions are recorded for replay', examples: [true] }),
      maxResultSize: parts.size
        .prefault(defaults.maxResultSize)
        .meta({ description: 'What of one action’s result a transcript keeps' }),
      maxSessionSize: parts.size
        .prefault(defaults.maxSessionSize)
        .meta({ description: 'What a transcript keeps of one session' }),
    })
    .transform(({ enabled, maxResultSize, maxSessionSize }) => ({
      enabled,
      maxResultBytes: maxResultSize,
      maxSessionBytes: maxSessionSize,
    }))
    .meta({
      description: 'Transcripts of sessions: statements, decisions, and results as the client saw them',
    });
