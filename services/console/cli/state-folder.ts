import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { defaults } from '../../core/config/defaults.ts';
import { loadStateDir } from '../../core/config/load-section.ts';
import { consoleSocket } from '../run-folder.ts';
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

export const socketPath = (options: PlaceOptions): string =>
  options.socket === undefined ? consoleSocket(stateFolder(options)) : resolve(options.socket);
