import { resolve } from 'node:path';
import { Option } from 'commander';
import { type Anchor, parseAnchors } from '../../core/audit/anchor.ts';
import { AuditError } from '../../core/audit/errors.ts';
import { trailFolder } from '../../core/audit/segment-names.ts';
import { CliError } from './errors.ts';
import { maxProofFileBytes } from './limits.ts';
import { readWholeFile } from './read-file.ts';
import { type PlaceOptions, stateFolder } from './state-folder.ts';

export interface TrailOptions extends Omit<PlaceOptions, 'socket'> {
  readonly dir?: string;
}

export const dirOption = (): Option =>
  new Option('--dir <folder>', 'the trail’s folder (default: trail in the state folder)');

export const trailDir = (options: TrailOptions): string =>
  options.dir === undefined ? trailFolder(stateFolder(options)) : resolve(options.dir);

/** @throws CliError */
export async function anchorsIn(files: readonly string[]): Promise<readonly Anchor[]> {
  const anchors = await Promise.all(
    files.map(async (file) =>
      inWordsOfThePerson(async () => parseAnchors(await readWholeFile(file, maxProofFileBytes)), file),
    ),
  );
  return anchors.flat();
}

/** What the trail's code throws, as the end of a command. */
export async function inWordsOfThePerson<Result>(
  work: () => Promise<Result>,
  where: string,
): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof AuditError)) throw cause;
    switch (cause.code) {
      case 'bad-anchor':
      case 'bad-key':
        throw new CliError('usage', `${where}: ${cause.message}`, null, { cause });
      case 'unavailable':
        throw new CliError(
          'usage',
          cause.message,
          'Name the trail’s folder with --dir, or the config with -c.',
          { cause },
        );
      case 'bad-chain-name':
      case 'chain-locked':
      case 'bad-transcript':
        throw new CliError('failed', cause.message, null, { cause });
    }
  }
}
