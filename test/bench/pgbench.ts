import { spawn } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { cpuUsOf } from './process-figures.ts';
import type { Way } from './ways.ts';

export interface PgbenchOptions {
  readonly way: Way;
  /** Where pgbench's files go. */
  readonly folder: string;
  /** In pgbench's own language. */
  readonly script: string;
  readonly args: readonly string[];
  readonly seconds: number;
  /** Whether to keep how long each run of the script took, which costs pgbench a line of log for each. */
  readonly latencies?: boolean;
}

export interface PgbenchFigures {
  readonly perSecond: number;
  /** Of the engine's process, for each run of the script. */
  readonly cpuUs: number | null;
  /** As the client saw them; none when they were not asked for. */
  readonly latenciesUs: readonly number[];
}

/** @throws when a statement failed: then there is nothing to measure */
export async function pgbench(options: PgbenchOptions): Promise<PgbenchFigures> {
  const { way, folder, script, args, seconds, latencies = false } = options;
  const file = join(folder, 'pgbench.sql');
  const log = latencies ? ['--log', `--log-prefix=${join(folder, 'latency')}`] : [];
  await writeFile(file, script);
  const before = way.enginePid === null ? 0 : await cpuUsOf(way.enginePid);
  const child = spawn('pgbench', ['-n', ...args, '-T', String(seconds), ...log, '-f', file, 'shop'], {
    env: { PATH: process.env['PATH'], ...way.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const status = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('exit', resolve);
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const took = way.enginePid === null ? null : (await cpuUsOf(way.enginePid)) - before;
  const [, count] = /^number of transactions actually processed: (\d+)/m.exec(output) ?? [];
  const [, failed] = /^number of failed transactions: (\d+)/m.exec(output) ?? [];
  const [, perSecond] = /^tps = ([\d.]+)/m.exec(output) ?? [];
  if ((await status) !== 0 || failed !== '0' || perSecond === undefined || count === '0') {
    throw new Error(`pgbench failed:\n${output}${errors}`);
  }
  return {
    perSecond: Number(perSecond),
    cpuUs: took === null ? null : took / Number(count),
    latenciesUs: await takeLatencies(folder),
  };
}

/** `--log` writes a line for each transaction: client, number, microseconds, and when it ended. */
async function takeLatencies(folder: string): Promise<readonly number[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('latency.'));
  const logs = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  for (const name of names) await rm(join(folder, name));
  return logs
    .flatMap((log) => log.split('\n'))
    .filter((line) => line !== '')
    .map((line) => Number(line.split(' ')[2]));
}
