import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from '@jest/globals';
import { type LoadedSettings, type LoadOptions, loadSettings } from '../../../services/core/config/load.ts';
import { problemText } from '../../../services/core/model/problem.ts';
import { protocols } from './protocols.ts';

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder with these files, each path with its text. It is gone after the tests. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  }
  return folder;
}

/** The real time: certificates that tests make are valid from now on. */
const clock = { nowMs: () => Date.now() };

export interface Loaded extends LoadedSettings {
  readonly folder: string;
  /** `line:column severity: message`, with `DIR` for the folder. */
  readonly told: readonly string[];
}

/** Loads a config text as sallyport.yaml, with files beside it. */
export function load(
  yaml: string,
  files: Readonly<Record<string, string>> = {},
  options: Partial<LoadOptions> = {},
): Loaded {
  const folder = folderWith({ ...files, 'sallyport.yaml': yaml });
  return { folder, ...loadIn(folder, options) };
}

export function loadIn(folder: string, options: Partial<LoadOptions> = {}): Omit<Loaded, 'folder'> {
  const file = join(folder, 'sallyport.yaml');
  const loaded = loadSettings(file, { protocols, env: { DB_PASSWORD: 'hunter2' }, clock, ...options });
  const told = loaded.problems.map((problem) =>
    problemText(problem).replace(`${file}:`, '').replaceAll(folder, 'DIR'),
  );
  return { ...loaded, told };
}
