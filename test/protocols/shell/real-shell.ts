import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Ran {
  /** The arguments of each instrumented command that ran, its name first. */
  readonly commands: readonly (readonly string[])[];
  /** Files that were made in the working folder. */
  readonly files: readonly string[];
}

/** The commands that may run, and those programs that run others. Nothing else is on the shell's PATH. */
export const instrumented = ['ca', 'cb', 'cc'] as const;
const real = ['env', 'nice', 'timeout', 'xargs', 'nohup', 'sh', 'bash', 'dash'];

/** A real shell in an empty folder, in which the commands that run leave word of it. */
export class RealShell {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sallyport-shell-'));
  readonly #program: string;
  readonly #before: readonly string[];

  /** @param before what of its arguments makes a shell of it */
  constructor(program: 'bash' | 'dash' | 'busybox', before: readonly string[] = []) {
    this.#before = before;
    const found = spawnSync('/bin/sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
    if (found === '') throw new Error(`the tests run ${program}: apt-get install ${program}`);
    this.#program = found;
    const bin = join(this.#folder, 'bin');
    mkdirSync(bin);
    for (const name of instrumented) {
      const path = join(bin, name);
      writeFileSync(path, `#!/bin/sh\nprintf '%s\\0' ${name} "$@" '\u0001' >> "$LOG"\n`);
      chmodSync(path, 0o755);
    }
    for (const name of real) {
      const at = spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
      if (at !== '') symlinkSync(at, join(bin, name));
    }
  }

  run(line: string): Ran {
    // A folder of its own for each: what an earlier line has left in the background writes elsewhere.
    const run = mkdtempSync(join(this.#folder, 'run-'));
    const work = join(run, 'work');
    const log = join(run, 'log');
    mkdirSync(work);
    writeFileSync(log, '');
    spawnSync(this.#program, [...this.#before, '-c', line], {
      cwd: work,
      env: { PATH: join(this.#folder, 'bin'), LOG: log },
      stdio: ['ignore', 'ignore', 'ignore'],
      timeout: 2_000,
    });
    const commands = readFileSync(log, 'utf8')
      .split('\u0001\0')
      .slice(0, -1)
      .map((record) => record.split('\0').slice(0, -1));
    const files = readdirSync(work);
    return { commands, files };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, maxRetries: 5 });
  }
}
