import { z } from 'zod';
import { parseDuration, parseSize } from '../model/quantity.ts';
import type { Secret } from '../model/secret.ts';
import { maxDurationMs, maxSizeBytes } from './limits.ts';
import { fileReference, type References, secretReference } from './references.ts';
import type { Resolved } from './resolved.ts';

/** The building blocks of all sections; the same shape as `ConfigParts` in `protocols/protocol.ts`. */
export interface ConfigParts {
  /** `env:NAME` or `file:PATH`, read while loading. */
  readonly secret: z.ZodType<Secret, string>;
  /** `30s`, `5m`, `2h`, `1d` -> milliseconds. */
  readonly duration: z.ZodType<number, string>;
  /** `512KiB`, `16MiB` or a number of bytes -> bytes. */
  readonly size: z.ZodType<number, string | number>;
  /** `file:PATH`, relative to the folder of the file that names it -> the file's text. */
  readonly textFile: z.ZodType<string, string>;
}

const durationWanted = 'must be a duration such as 30s, 5m, 2h or 1d';
const sizeWanted = 'must be a size such as 512KiB, 16MiB or 1GiB, or a number of bytes';
const secretWanted =
  'must be a reference to a secret, env:NAME or file:PATH: a secret itself is never written into this file';
const fileWanted = 'must be a reference to a file, such as file:tls/ca.pem, and not the text itself';

// `examples` stand at the innermost schema: in JSON Schema of the input, zod drops those of whatever transforms it.

const duration = z
  .string({ error: durationWanted })
  .regex(/^(0|[1-9][0-9]{0,11})(ms|s|m|h|d)$/, { error: durationWanted })
  .meta({ examples: ['30s', '5m', '2h', '1d'] })
  .transform((text) => parseDuration(text) ?? Number.NaN)
  .refine((ms) => ms <= maxDurationMs, { error: 'must be at most 3650d' });

const size = z
  .union([z.int().min(0), z.string().regex(/^(0|[1-9][0-9]{0,11})(KiB|MiB|GiB)?$/, { error: sizeWanted })], {
    error: sizeWanted,
  })
  .meta({ examples: ['512KiB', '16MiB', 65_536] })
  .transform((written) => parseSize(String(written)) ?? Number.NaN)
  .refine((bytes) => bytes <= maxSizeBytes, { error: 'must be at most 1024GiB' });

export function configParts(references: References): ConfigParts {
  return {
    duration,
    size,
    secret: z
      .string({ error: secretWanted })
      .regex(secretReference, { error: secretWanted })
      .meta({ examples: ['env:NAME', 'file:/run/secrets/name'] })
      .transform((reference, context) => follow(references.secret(reference), context)),
    textFile: z
      .string({ error: fileWanted })
      .regex(fileReference, { error: fileWanted })
      .meta({ examples: ['file:tls/name.pem'] })
      .transform((reference, context) => follow(references.text(reference), context)),
  };
}

/** The end of a transform: the value, or the fault as an issue of the schema. */
export function follow<T>(resolved: Resolved<T>, context: z.RefinementCtx): T {
  if ('value' in resolved) return resolved.value;
  context.addIssue({ code: 'custom', message: resolved.fault });
  return z.NEVER;
}
