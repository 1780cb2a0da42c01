import { appendFile } from 'node:fs/promises';
import { z } from 'zod';
import { AuditError, systemCodeOf } from './errors.ts';

export const anchorFormat = 'sallyport-anchor-1';

const anchorSchema = z.strictObject({
  format: z.literal(anchorFormat),
  chain: z.string(),
  /** The record that the checkpoint signs, and its hash. */
  seq: z.int().positive(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string(),
  keyId: z.string(),
  signature: z.base64(),
});

/**
 * A checkpoint as it is kept elsewhere: in a ticket, in another account, on paper. Whoever holds it can tell later
 * that every record up to it is still there and unchanged, even if somebody had the signing key.
 */
export type Anchor = z.infer<typeof anchorSchema>;

/**
 * Adds anchors to a file, one a line. The file belongs where the gateway's operators cannot change it.
 * @throws AuditError `unavailable`
 */
export async function appendAnchors(file: string, anchors: readonly Anchor[]): Promise<void> {
  const lines = anchors.map((anchor) => `${JSON.stringify(anchor)}\n`).join('');
  try {
    await appendFile(file, lines, { mode: 0o644, flush: true });
  } catch (cause) {
    throw new AuditError('unavailable', `${file} cannot be written (${systemCodeOf(cause)})`, { cause });
  }
}

/**
 * Reads an anchor file's text. One anchor that cannot be read makes the whole file useless as proof, so it throws.
 * @throws AuditError `bad-anchor`
 */
export const parseAnchors = (text: string): readonly Anchor[] =>
  text
    .split('\n')
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, number }) => {
      try {
        return anchorSchema.parse(JSON.parse(line));
      } catch (cause) {
        throw new AuditError('bad-anchor', `line ${number} of the anchor file is not an anchor`, { cause });
      }
    });
