import { type ChildProcess, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');
export const program = join(root, 'bin/sallyport');

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Laid over an environment with nothing in it but what finds programs. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
}

export interface Running {
  readonly process: ChildProcess;
  /** What it has written to standard output so far. */
  readonly output: string;
  readonly errorOutput: string;
  /** Resolves once standard output has matched. Rejects when the program ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** The same of standard error. */
  untilError(pattern: RegExp): Promise<RegExpExecArray>;
  write(text: string): void;
  readonly finished: Promise<Finished>;
}

/** What a user's shell would give it: no token, no config of the person who runs the tests, and a cache of compiled code. */
const baseEnv: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  NODE_COMPILE_CACHE: join(homedir(), '.cache/sallyport/compile-cache'),
};

export function start(command: string, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...baseEnv, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const look of waiting) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const look of waiting) look();
  });
  // It may end without having read its input.
  child.stdin.on('error', () => undefined);
  if (options.input !== undefined) child.stdin.end(options.input);
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
  const matched = (pattern: RegExp, text: () => string): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(text());
        if (found === null) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void finished.then(() => reject(new Error(`it ended without ${pattern}:\n${stdout}${stderr}`)));
    });
  return {
    process: child,
    get output() {
      return stdout;
    },
    get errorOutput() {
      return stderr;
    },
    until: (pattern) => matched(pattern, () => stdout),
    untilError: (pattern) => matched(pattern, () => stderr),
    write: (text) => void child.stdin.write(text),
    finished,
  };
}

/** Runs `sallyport` as a script would: no terminal anywhere. */
export const sallyport = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
  start(program, args, { input: '', ...options }).finished;

/** Runs it as a person does, on a terminal of its own. */
export const onTerminal = (args: readonly string[], options: RunOptions = {}): Running =>
  startOnTerminal(program, args, {
    ...options,
    env: { TERM: 'xterm-256color', SHELL: '/bin/sh', ...options.env },
  });

/** `script` (util-linux) makes the terminal. Both streams come as one. */
export function startOnTerminal(command: string, args: readonly string[], options: RunOptions): Running {
  const quoted = [command, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  return start('script', ['-qefc', quoted, '/dev/null'], options);
}

/** Everything that a terminal would take for more than a character: controls, and what moves text about or hides it. */
export const rawControls = /(?![\n\t])[\p{Cc}\p{Cf}]/u;

/** What a terminal was shown, without the colours and line ends that are a terminal's own. */
export const plain = (text: string): string =>
  text.replaceAll(/\p{Cc}\[[0-9;]*m/gu, '').replaceAll('\r\n', '\n');
