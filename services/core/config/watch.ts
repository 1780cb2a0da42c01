import { type FSWatcher, lstatSync, readdirSync, readlinkSync, statSync, watch } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Clock, Timer } from '../model/clock.ts';
import { messageOf } from '../model/errors.ts';
import type { Logger } from '../model/log.ts';
import { maxLinks, maxSettleMs, maxWatchedFolders, pollMs, settleMs } from './limits.ts';

export interface WatchOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FileWatch {
  /**
   * Watches these from now on. Those that were watched before are still compared with what they were when they were
   * last looked at, so that nothing is missed that happens while they are being read.
   */
  update(files: readonly string[]): void;
  close(): void;
}

/**
 * Calls `onChange` with those of the files and folders that are not any more what they were: written to, replaced,
 * gone, come (back). Of a folder, only the names in it count. Does not keep the process alive.
 *
 * What the kernel tells of folders is a hint and no more: after a hint, and a moment of quiet, the files themselves are
 * looked at. So it does not matter how a file changes: editors rename another file into its place, Kubernetes swaps a
 * symbolic link some folders above it, and a file may be away for a moment.
 */
export const watchFiles = (
  files: readonly string[],
  onChange: (changed: readonly string[]) => void,
  options: WatchOptions,
): FileWatch => new HintedWatch(files, onChange, options);

class HintedWatch implements FileWatch {
  readonly #onChange: (changed: readonly string[]) => void;
  readonly #clock: Clock;
  readonly #log: Logger;
  #known: ReadonlyMap<string, string> = new Map();
  #watchers: readonly FSWatcher[] = [];
  #settling: { readonly sinceMs: number; readonly timer: Timer } | null = null;
  #poll: Timer | null = null;
  #warned = false;
  #closed = false;

  constructor(
    files: readonly string[],
    onChange: (changed: readonly string[]) => void,
    { clock, log }: WatchOptions,
  ) {
    this.#onChange = onChange;
    this.#clock = clock;
    this.#log = log;
    this.update(files);
  }

  update(files: readonly string[]): void {
    if (this.#closed) return;
    const paths = [...new Set(files.map((file) => resolve(file)))];
    // The folders first: what changes between the two is then seen by one of them.
    this.#watchFolders(paths);
    this.#known = new Map(paths.map((path) => [path, this.#known.get(path) ?? likeness(path)]));
  }

  close(): void {
    this.#closed = true;
    this.#settling?.timer.cancel();
    this.#poll?.cancel();
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #hint(): void {
    if (this.#closed) return;
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#settling?.sinceMs ?? nowMs;
    this.#settling?.timer.cancel();
    const delayMs = Math.max(0, Math.min(settleMs, sinceMs + maxSettleMs - nowMs));
    this.#settling = { sinceMs, timer: this.#clock.after(delayMs, () => this.#look()) };
  }

  #look(): void {
    this.#settling = null;
    const paths = [...this.#known.keys()];
    this.#watchFolders(paths);
    const now = new Map(paths.map((path) => [path, likeness(path)]));
    const changed = paths.filter((path) => now.get(path) !== this.#known.get(path));
    this.#known = now;
    if (changed.length > 0) this.#onChange(changed);
  }

  /** Anew each time: a folder that was replaced by another of the same name is not the one that was watched. */
  #watchFolders(paths: readonly string[]): void {
    const folders = [...new Set(paths.flatMap(foldersOf))];
    const watchers: FSWatcher[] = [];
    let whyNot =
      folders.length > maxWatchedFolders ? `there are more than ${maxWatchedFolders} folders` : null;
    for (const folder of folders.slice(0, maxWatchedFolders)) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#hint());
        // The kernel took the watch away; the next look sees why.
        watcher.on('error', () => this.#hint());
        watchers.push(watcher);
      } catch (error) {
        whyNot = messageOf(error);
      }
    }
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = watchers;
    this.#pollBecause(whyNot);
  }

  #pollBecause(why: string | null): void {
    this.#poll?.cancel();
    this.#poll = why === null ? null : this.#clock.after(pollMs, () => this.#look());
    if (why !== null && !this.#warned) {
      this.#warned = true;
      this.#log.warn(
        { why, everyMs: pollMs },
        'some folders cannot be watched; their files are looked at now and then',
      );
    }
  }
}

const absent = 'absent';

/** Changes when the file is another one or has been written to; of a folder, when a name comes or goes. */
function likeness(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, mode } = statSync(path, { bigint: true });
    const isFolder = (mode & 0o170000n) === 0o040000n;
    // Editors come and go with names that begin with a dot, and so does Kubernetes; neither is anybody's file.
    if (isFolder)
      return readdirSync(path)
        .filter((name) => !name.startsWith('.'))
        .toSorted()
        .join('/');
    return `${dev} ${ino} ${size} ${mtimeNs} ${mode}`;
  } catch {
    // Whatever the reason: who reads the file next will say it.
    return absent;
  }
}

/**
 * Every folder in which a change could make this path another file: its own, those of all symbolic links on the way,
 * and, if something on the way is not there, the last one that is.
 */
function foldersOf(path: string): readonly string[] {
  const folders = new Set<string>();
  let here = '/';
  let links = 0;
  const steps = path.split('/');
  for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
    if (step === '' || step === '.') continue;
    if (step === '..') {
      here = dirname(here);
      continue;
    }
    const next = join(here, step);
    const kind = kindOf(next);
    if (kind !== 'folder' || steps.length === 0) folders.add(here);
    if (kind === 'absent') break;
    if (kind === 'link') {
      links += 1;
      if (links > maxLinks) break;
      const target = targetOf(next);
      if (target === null) break;
      if (target.startsWith('/')) here = '/';
      steps.unshift(...target.split('/'));
      continue;
    }
    if (kind === 'folder' && steps.length === 0) folders.add(next);
    here = next;
  }
  return [...folders];
}

function kindOf(path: string): 'file' | 'folder' | 'link' | 'absent' {
  try {
    const stats = lstatSync(path);
    if (stats.isSymbolicLink()) return 'link';
    return stats.isDirectory() ? 'folder' : 'file';
  } catch {
    // Not there, or not ours to see; in either case the folder above it is what can be watched.
    return 'absent';
  }
}

function targetOf(link: string): string | null {
  try {
    return readlinkSync(link);
  } catch {
    // Gone since it was looked at; the folder is watched already.
    return null;
  }
}
