import { execFile } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { DemoError } from './errors.ts';

export const program = join(import.meta.dirname, '../../bin/sallyport');

export interface Gateway {
  /** Where Envoy listens for PostgreSQL's protocol. */
  readonly port: number;
  readonly child: Child;
}

export interface GatewayFiles {
  readonly config: string;
  /** What `sallyport up` logs; all of it. */
  readonly log: string;
}

/** Runs `sallyport up`, as anybody would. The child is handed on at once, so that it is stopped whatever happens here. */
export async function startGateway(
  { config, log }: GatewayFiles,
  onChild: (child: Child) => void,
): Promise<Gateway> {
  const file = await open(log, 'w', 0o600);
  const child = startChild(program, ['up', '-c', config], {
    stopSignal: 'SIGTERM',
    stdout: 'pipe',
    stderr: file.fd,
  });
  onChild(child);
  await file.close();
  const port = await Promise.race([portOf(child), child.ended]);
  if (typeof port === 'number') return { port, child };
  throw new DemoError(
    `The gateway did not start (${port}). The end of its log:\n${await lastLines(log)}`,
    `Try it by itself: ${program} check -c FILE`,
  );
}

/** The line of `sallyport up` that says where it listens. */
function portOf({ process: { stdout } }: Child): Promise<number> {
  return new Promise((resolve) => {
    let output = '';
    stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const [, port] = /on 127\.0\.0\.1:(\d+)/.exec(output) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
  });
}

export async function lastLines(log: string): Promise<string> {
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
  return lines.slice(-8).join('\n');
}

export interface Answer {
  readonly status: number;
  readonly output: string;
}

/** Runs one command of `sallyport` as a person, whose token is in `home`, and gives both of its streams. */
export function runSallyport(
  args: readonly string[],
  { home, config }: { readonly home: string; readonly config: string },
): Promise<Answer> {
  const env = { ...process.env, SALLYPORT_HOME: home, SALLYPORT_CONFIG: config };
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      // A status is an answer; a program that could not be run is none.
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ status: Number(error?.code ?? 0), output: stdout + stderr });
    });
  });
}
