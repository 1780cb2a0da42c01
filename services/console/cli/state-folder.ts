import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { defaults } from '../../core/config/defaults.ts';
import { loadStateDir } from '../../core/config/load-section.ts';
import { consoleSocket, consoleSockets, runFolder } from '../run-folder.ts';
import { CliError } from './errors.ts';
import { configFile } from './options.ts';
import { problemLine } from './problem-line.ts';
import { onError } from './screen.ts';

export interface PlaceOptions {
  readonly config?: string;
  readonly socket?: string;
}

/** The gateway's state folder, absolute: as the config says, or the default one in the working folder. */
export function stateFolder({ config }: PlaceOptions): string {
  const file = config ?? (existsSync(configFile) ? configFile : null);
  if (file === null) return resolve(defaults.stateDir);
  const { section, problems } = loadStateDir(file);
  if (section !== null) return section;
  throw new CliError(
    'config',
    `The state folder cannot be found in ${file}.`,
    'Name another config with -c, or the gateway’s socket with --socket.',
    { details: problems.map((problem) => problemLine(problem, onError)) },
  );
}

/** Where the gateway's API may listen: one socket for each worker, all of which give the same answers. */
export function socketPaths(options: PlaceOptions): readonly [string, ...string[]] {
  if (options.socket !== undefined) return [resolve(options.socket)];
  const stateDir = stateFolder(options);
  const folder = runFolder(stateDir);
  const [first, ...others] = consoleSockets(namesIn(folder)).map((name) => join(folder, name));
  return first === undefined ? [consoleSocket(stateDir, null)] : [first, ...others];
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there, or not to be looked into: whoever connects learns which, and says so.
    return [];
  }
}
