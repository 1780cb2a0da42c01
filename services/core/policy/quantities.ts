import { z } from 'zod';
import { parseDuration, parseSize } from '../model/quantity.ts';

const durationProblem = { error: 'must be a duration like 30s, 5m, 2h or 1d' };
const sizeProblem = { error: 'must be a size like 512KiB, 16MiB or a number of bytes' };

/** `30s`, `5m`, `2h`, `1d` -> milliseconds, at least one second: what people decide takes that long. */
export const duration = z
  .string(durationProblem)
  .regex(/^[1-9]\d{0,8}[smhd]$/, durationProblem)
  .transform((text) => parseDuration(text) ?? Number.NaN);

/** `512KiB`, `16MiB` or a number of bytes -> bytes. */
export const size = z
  .union(
    [
      z.int(sizeProblem).min(1, sizeProblem).transform(String),
      z.string(sizeProblem).regex(/^[1-9]\d{0,11}(KiB|MiB|GiB)?$/, sizeProblem),
    ],
    sizeProblem,
  )
  .transform((text) => parseSize(text) ?? Number.NaN);
