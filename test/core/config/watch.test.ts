import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { maxSettleMs, maxWatchedFolders, pollMs, settleMs } from '../../../services/core/config/limits.ts';
import { type FileWatch, watchFiles } from '../../../services/core/config/watch.ts';
import type { Clock, Timer } from '../../../services/core/model/clock.ts';
import type { Logger } from '../../../services/core/model/log.ts';
import { folderWith } from './folder.ts';

interface Armed {
  readonly atMs: number;
  readonly run: () => void;
}

/** Stands still until a test moves it, and tells when a timer was set: what the kernel says comes when it comes. */
class WatchClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Armed>();
  #waiting: (() => void) | null = null;

  nowMs = (): number => this.#nowMs;
  monotonicMs = (): number => this.#nowMs;

  after(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    this.#waiting?.();
    return { cancel: () => this.#timers.delete(timer) };
  }

  get delays(): readonly number[] {
    return [...this.#timers].map(({ atMs }) => atMs - this.#nowMs);
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs <= this.#nowMs && this.#timers.delete(timer)) timer.run();
    }
  }

  /** The next time that a timer is set. */
  armed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = resolve;
    return promise;
  }
}

class Watched {
  readonly clock = new WatchClock();
  readonly changes: (readonly string[])[] = [];
  readonly warnings: unknown[] = [];
  readonly folder: string;
  readonly watch: FileWatch;

  constructor(folder: string, files: readonly string[]) {
    this.folder = folder;
    const log: Logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: (fields) => this.warnings.push(fields),
      error: () => undefined,
      child: () => log,
    };
    const onChange = (changed: readonly string[]) => {
      this.changes.push(changed.map((path) => path.replace(`${folder}/`, '')));
    };
    this.watch = watchFiles(
      files.map((file) => join(folder, file)),
      onChange,
      { clock: this.clock, log },
    );
  }

  /** Does something, waits until the kernel has told of it, and lets the files settle. */
  async when(act: () => void): Promise<readonly (readonly string[])[]> {
    const armed = this.clock.armed();
    act();
    await armed;
    return this.settle();
  }

  settle(): readonly (readonly string[])[] {
    this.clock.advance(settleMs);
    return this.changes.splice(0);
  }

  at = (name: string): string => join(this.folder, name);
}

const open: FileWatch[] = [];

afterEach(() => {
  for (const watch of open.splice(0)) watch.close();
});

function watching(files: Readonly<Record<string, string>>, names = Object.keys(files)): Watched {
  const watched = new Watched(folderWith(files), names);
  open.push(watched.watch);
  return watched;
}

describe('a file that changes', () => {
  test('by being written to', async () => {
    const it = watching({ 'a.yaml': '1', 'b.yaml': '1' });
    expect(await it.when(() => appendFileSync(it.at('a.yaml'), '2'))).toEqual([['a.yaml']]);
    expect(await it.when(() => appendFileSync(it.at('b.yaml'), '2'))).toEqual([['b.yaml']]);
  });

  test('by another being renamed into its place, again and again', async () => {
    const it = watching({ 'a.yaml': '1' });
    for (const text of ['2', '3', '4']) {
      const replace = () => {
        writeFileSync(it.at('a.yaml~'), text);
        renameSync(it.at('a.yaml~'), it.at('a.yaml'));
      };
      expect(await it.when(replace)).toEqual([['a.yaml']]);
    }
  });

  test('by being gone, and by coming back', async () => {
    const it = watching({ 'a.yaml': '1' });
    expect(await it.when(() => unlinkSync(it.at('a.yaml')))).toEqual([['a.yaml']]);
    expect(await it.when(() => writeFileSync(it.at('a.yaml'), '2'))).toEqual([['a.yaml']]);
  });

  test('by its folder being made anew', async () => {
    const it = watching({ 'etc/a.yaml': '1' });
    const remake = () => {
      rmSync(it.at('etc'), { recursive: true });
      mkdirSync(it.at('etc'));
      writeFileSync(it.at('etc/a.yaml'), '2');
    };
    expect(await it.when(remake)).toEqual([['etc/a.yaml']]);
    expect(await it.when(() => appendFileSync(it.at('etc/a.yaml'), '3'))).toEqual([['etc/a.yaml']]);
  });

  test('by coming where no folder was', async () => {
    const it = watching({ other: '' }, ['etc/conf/a.yaml']);
    expect(await it.when(() => mkdirSync(it.at('etc')))).toEqual([]);
    expect(await it.when(() => mkdirSync(it.at('etc/conf')))).toEqual([]);
    expect(await it.when(() => writeFileSync(it.at('etc/conf/a.yaml'), '1'))).toEqual([['etc/conf/a.yaml']]);
  });

  test('by its mode', async () => {
    const it = watching({ 'key.pem': '1' });
    expect(await it.when(() => chmodSync(it.at('key.pem'), 0o644))).toEqual([['key.pem']]);
  });
});

describe('symbolic links', () => {
  /** As kubelet lays out a ConfigMap: file -> ..data/file, ..data -> a folder of this version. */
  function configMap(): Watched {
    const folder = folderWith({ '..v1/a.yaml': '1', '..v1/b.yaml': '1' });
    symlinkSync('..v1', join(folder, '..data'));
    for (const name of ['a.yaml', 'b.yaml']) symlinkSync(join('..data', name), join(folder, name));
    const watched = new Watched(folder, ['a.yaml', 'b.yaml']);
    open.push(watched.watch);
    return watched;
  }

  test('a ConfigMap that is swapped is one change, each time', async () => {
    const it = configMap();
    for (const version of ['2', '3']) {
      const swap = () => {
        mkdirSync(it.at(`..v${version}`));
        writeFileSync(it.at(`..v${version}/a.yaml`), version);
        writeFileSync(it.at(`..v${version}/b.yaml`), version);
        symlinkSync(`..v${version}`, it.at('..data_tmp'));
        renameSync(it.at('..data_tmp'), it.at('..data'));
        rmSync(it.at(`..v${Number(version) - 1}`), { recursive: true });
      };
      expect(await it.when(swap)).toEqual([['a.yaml', 'b.yaml']]);
    }
  });

  test('the file that a link leads to is written to', async () => {
    const elsewhere = folderWith({ 'real.yaml': '1' });
    const folder = folderWith({});
    symlinkSync(join(elsewhere, 'real.yaml'), join(folder, 'a.yaml'));
    const it = new Watched(folder, ['a.yaml']);
    open.push(it.watch);
    expect(await it.when(() => appendFileSync(join(elsewhere, 'real.yaml'), '2'))).toEqual([['a.yaml']]);
  });

  test('a link far above the file is turned elsewhere', async () => {
    const folder = folderWith({ 'v1/conf/a.yaml': '1', 'v2/conf/a.yaml': '2' });
    symlinkSync('v1', join(folder, 'current'));
    const it = new Watched(folder, ['current/conf/a.yaml']);
    open.push(it.watch);
    const turn = () => {
      symlinkSync('v2', it.at('next'));
      renameSync(it.at('next'), it.at('current'));
    };
    expect(await it.when(turn)).toEqual([['current/conf/a.yaml']]);
    expect(await it.when(() => appendFileSync(it.at('v2/conf/a.yaml'), '3'))).toEqual([
      ['current/conf/a.yaml'],
    ]);
  });

  test('links in a circle are nothing to wait for', () => {
    const folder = folderWith({});
    symlinkSync('b', join(folder, 'a'));
    symlinkSync('a', join(folder, 'b'));
    const it = new Watched(folder, ['a']);
    open.push(it.watch);
    expect(it.warnings).toEqual([]);
  });
});

describe('a folder', () => {
  test('changes when a name comes or goes, and not with what is behind a dot', async () => {
    const it = watching({ 'policies/a.yaml': '1' }, ['policies']);
    expect(await it.when(() => writeFileSync(it.at('policies/b.yaml'), '1'))).toEqual([['policies']]);
    expect(await it.when(() => writeFileSync(it.at('policies/.b.yaml.swp'), '1'))).toEqual([]);
    expect(await it.when(() => appendFileSync(it.at('policies/b.yaml'), '2'))).toEqual([]);
    expect(await it.when(() => unlinkSync(it.at('policies/a.yaml')))).toEqual([['policies']]);
  });
});

describe('no change', () => {
  test('is another file beside it', async () => {
    const it = watching({ 'a.yaml': '1' });
    expect(await it.when(() => writeFileSync(it.at('trail.log'), 'x'))).toEqual([]);
  });

  test('is a file that was away for a moment and is the same again', async () => {
    const it = watching({ 'a.yaml': '1' });
    const away = () => {
      renameSync(it.at('a.yaml'), it.at('b.yaml'));
      renameSync(it.at('b.yaml'), it.at('a.yaml'));
    };
    expect(await it.when(away)).toEqual([]);
  });

  test('is told after close', async () => {
    const it = watching({ 'a.yaml': '1' });
    const armed = it.clock.armed();
    appendFileSync(it.at('a.yaml'), '2');
    await armed;
    it.watch.close();
    it.watch.update([it.at('a.yaml')]);
    expect(it.settle()).toEqual([]);
    expect(it.clock.delays).toEqual([]);
  });
});

describe('settling', () => {
  test('many writes in a row are one change', async () => {
    const it = watching({ 'a.yaml': '1' });
    for (let round = 0; round < 5; round += 1) {
      const armed = it.clock.armed();
      appendFileSync(it.at('a.yaml'), 'x');
      await armed;
      it.clock.advance(settleMs / 2);
      expect(it.changes).toEqual([]);
    }
    expect(it.settle()).toEqual([['a.yaml']]);
  });

  test('a folder that never rests is looked at all the same', async () => {
    const it = watching({ 'a.yaml': '1' });
    const roundMs = settleMs / 2;
    let waitedMs = 0;
    for (; it.changes.length === 0 && waitedMs <= 2 * maxSettleMs; waitedMs += roundMs) {
      const armed = it.clock.armed();
      appendFileSync(it.at('a.yaml'), 'x');
      await armed;
      it.clock.advance(roundMs);
    }
    expect(it.changes).toEqual([['a.yaml']]);
    expect(waitedMs).toBeLessThanOrEqual(maxSettleMs + roundMs);
  });
});

describe('update', () => {
  test('watches new files and leaves old ones alone', async () => {
    const it = watching({ 'a/1.yaml': '1', 'b/2.yaml': '1' }, ['a/1.yaml']);
    it.watch.update([it.at('b/2.yaml')]);
    expect(await it.when(() => appendFileSync(it.at('b/2.yaml'), '2'))).toEqual([['b/2.yaml']]);
    it.watch.update([it.at('a/1.yaml'), it.at('b/2.yaml')]);
    expect(await it.when(() => appendFileSync(it.at('a/1.yaml'), '2'))).toEqual([['a/1.yaml']]);
  });

  test('misses nothing that happens to a file while it is being read', async () => {
    const it = watching({ 'a.yaml': '1' });
    const armed = it.clock.armed();
    appendFileSync(it.at('a.yaml'), '2');
    await armed;
    it.watch.update([it.at('a.yaml')]);
    expect(it.settle()).toEqual([['a.yaml']]);
  });
});

test('more folders than may be watched are looked at now and then, and it is said once', () => {
  const names = Array.from({ length: maxWatchedFolders + 1 }, (_, index) => `f${index}/a.yaml`);
  const it = watching(Object.fromEntries(names.map((name) => [name, '1'])));
  expect(it.warnings).toEqual([{ why: `there are more than ${maxWatchedFolders} folders`, everyMs: pollMs }]);
  expect(it.clock.delays).toEqual([pollMs]);
  const last = names.at(-1) ?? '';
  appendFileSync(it.at(last), '2');
  it.clock.advance(pollMs);
  expect(it.changes).toEqual([[last]]);
  expect(it.clock.delays).toEqual([pollMs]);
  expect(it.warnings).toHaveLength(1);
});
