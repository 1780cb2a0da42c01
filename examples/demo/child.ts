import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * The shell becomes the program, and leaves a watcher behind that reads from a pipe whose other end is ours: a line means that
 * the program has ended; the end of the file means that we died without a word, and then the program is told to stop. So not
 * even kill -9 of the demo leaves anything running.
 */
const script = `child=$$
(read -r ended <&3 || kill -s "$0" "$child") >/dev/null 2>&1 &
exec "$@" 3<&-`;

/** What it may take to stop in good order, before it is killed. */
const stopMs = 10_000;

export interface ChildOptions extends Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid'> {
  /** What the program takes as the wish to end in good order. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  readonly stdout: 'ignore' | 'pipe';
  /** A pipe, or the descriptor of a file. */
  readonly stderr: 'pipe' | number;
}

export interface Child {
  readonly process: ChildProcess;
  /** How it ended, in words. Never rejects. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

export function startChild(command: string, args: readonly string[], options: ChildOptions): Child {
  const { stopSignal, stdout, stderr, ...where } = options;
  const child = spawn('/bin/sh', ['-c', script, stopSignal.replace('SIG', ''), command, ...args], {
    ...where,
    stdio: ['ignore', stdout, stderr, 'pipe'],
    // A session of its own: Ctrl-C in the terminal reaches the demo alone, which stops all in order.
    detached: true,
  });
  const watcher = child.stdio[3] as Writable; // as: the fourth of stdio is a pipe, and pipes can be written
  // It may be gone already; then there is nobody to tell.
  watcher.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      watcher.end('ended\n');
      resolve(signal ?? `exit status ${code}`);
    });
    child.once('error', (error) => resolve(error.message));
  });
  return {
    process: child,
    ended,
    async stop() {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill(stopSignal);
      const tooLong = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await ended;
      clearTimeout(tooLong);
    },
  };
}
