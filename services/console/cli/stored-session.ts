import { entrySchema, headerLineSchema, type StoredEntry } from '../../core/audit/transcript-format.ts';
import type { StoredTranscript } from '../../core/audit/transcript-reader.ts';
import { CliError } from './errors.ts';
import type { GatewayClient } from './gateway-client.ts';

/** A transcript as the gateway gave it out: what `core/audit` plays back. @throws CliError */
export async function storedSession(client: GatewayClient, id: string): Promise<StoredTranscript> {
  const path = `/v1/transcripts/${encodeURIComponent(id)}`;
  const [first = '', ...rest] = await client.lines(path);
  const header = headerLineSchema.safeParse(parsed(first));
  if (!header.success) {
    throw new CliError('failed', 'The gateway gave out a transcript that this sallyport cannot read.', null, {
      cause: header.error,
    });
  }
  return { path, header: header.data, entries: () => entriesOf(rest) };
}

async function* entriesOf(lines: readonly string[]): AsyncGenerator<StoredEntry, void, undefined> {
  for (const line of lines) {
    const entry = entrySchema.safeParse(parsed(line));
    // The gateway has left out what it could not read; what this version cannot read is left out as well.
    if (entry.success) yield entry.data;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // The last line of an answer that was cut off: no schema fits it.
    return null;
  }
}
