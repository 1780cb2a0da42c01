import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type SessionId, sessionId } from '../model/ids.ts';
import { AuditError, systemCodeOf } from './errors.ts';
import { sha256OfFile } from './file-hash.ts';
import { linesOf } from './line-reader.ts';
import { readTrail } from './read.ts';
import {
  dayOf,
  dayPattern,
  entrySchema,
  headerLineSchema,
  type StoredEntry,
  type TranscriptHeader,
  transcriptName,
  transcriptNamePattern,
  transcriptsFolder,
} from './transcript-format.ts';

export interface StoredTranscript {
  readonly path: string;
  readonly header: TranscriptHeader;
  /** In their order. A transcript without an `end` is of a session that goes on, or whose gateway was killed. */
  entries(): AsyncGenerator<StoredEntry, void, undefined>;
}

export interface ListedTranscript {
  readonly session: SessionId;
  readonly path: string;
  readonly bytes: number;
  readonly changedAtMs: number;
}

async function readHeader(path: string): Promise<TranscriptHeader> {
  for await (const [first] of linesOf(path)) {
    const header = headerLineSchema.safeParse(parse(first?.content ?? null)).data;
    if (header === undefined) break;
    return header;
  }
  throw new AuditError('bad-transcript', `${path} is not a transcript of this version`);
}

/**
 * Opens a transcript; its entries are read as they are asked for. Lines that are damaged or not finished are passed
 * over: `checkTranscript` tells of them.
 * @throws AuditError `bad-transcript`, `unavailable`
 */
export async function readTranscript(path: string): Promise<StoredTranscript> {
  const header = await readHeader(path);
  return { path, header, entries: () => readEntries(path) };
}

async function* readEntries(path: string): AsyncGenerator<StoredEntry, void, undefined> {
  for await (const lines of linesOf(path)) {
    for (const { number, content } of lines) {
      const entry = number === 1 ? undefined : entrySchema.safeParse(parse(content)).data;
      if (entry !== undefined) yield entry;
    }
  }
}

function parse(content: Buffer | null): unknown {
  if (content === null) return null;
  try {
    return JSON.parse(content.toString());
  } catch {
    // Half a line, while its writer is at it, or a damaged one: passed over.
    return null;
  }
}

/**
 * Compares a transcript with what the trail says of it. `not-recorded`: the trail has no hash of it, since
 * the session goes on, or its gateway was killed. The trail's own word is worth what `verifyTrail` says of it.
 * @throws AuditError `bad-transcript`, `unavailable`
 */
export async function checkTranscript(
  path: string,
  trailDir: string,
): Promise<'intact' | 'changed' | 'not-recorded'> {
  const { session } = await readHeader(path);
  // The name is what `sessions show` found it by: a transcript in the place of another is changed, too.
  if (!path.endsWith(transcriptName(session))) return 'changed';
  for await (const record of readTrail(trailDir, { session, kinds: ['session-closed'] })) {
    if (record.kind !== 'session-closed' || record.transcriptSha256 === null) continue;
    return record.transcriptSha256 === (await sha256OfFile(path)) ? 'intact' : 'changed';
  }
  return 'not-recorded';
}

/** The days that have transcripts, newest first. */
async function days(stateDir: string): Promise<readonly string[]> {
  const names = await namesIn(transcriptsFolder(stateDir));
  return names
    .filter((name) => dayPattern.test(name))
    .sort()
    .reverse();
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return [];
    throw new AuditError('unavailable', `${folder} cannot be read (${systemCodeOf(cause)})`, { cause });
  }
}

/**
 * All transcripts, newest day first, within a day the last written first.
 * @throws AuditError `unavailable`
 */
export async function* listTranscripts(
  stateDir: string,
  filter: { readonly sinceMs?: number } = {},
): AsyncGenerator<ListedTranscript, void, undefined> {
  // A session stands under the day on which it began; nothing in an earlier folder began since.
  const firstDay = filter.sinceMs === undefined ? '' : dayOf(new Date(filter.sinceMs).toISOString());
  for (const day of await days(stateDir)) {
    if (day < firstDay) return;
    const folder = join(transcriptsFolder(stateDir), day);
    const names = (await namesIn(folder)).flatMap((name) => transcriptNamePattern.exec(name)?.[1] ?? []);
    const listed: ListedTranscript[] = [];
    for (const name of names) {
      const session = sessionId(name);
      const path = join(folder, transcriptName(session));
      const { size, mtimeMs } = await stat(path);
      listed.push({ session, path, bytes: size, changedAtMs: mtimeMs });
    }
    yield* listed.sort((left, right) => right.changedAtMs - left.changedAtMs);
  }
}

/**
 * The path of a session's transcript; null when there is none.
 * @throws AuditError `unavailable`
 */
export async function findTranscript(stateDir: string, session: SessionId): Promise<string | null> {
  const name = transcriptName(session);
  // A session id may come from a command line: it must not lead anywhere else.
  if (!transcriptNamePattern.test(name)) return null;
  for (const day of await days(stateDir)) {
    const path = join(transcriptsFolder(stateDir), day, name);
    try {
      await access(path);
      return path;
    } catch (cause) {
      if (systemCodeOf(cause) !== 'ENOENT') {
        throw new AuditError('unavailable', `${path} cannot be read (${systemCodeOf(cause)})`, { cause });
      }
    }
  }
  return null;
}
