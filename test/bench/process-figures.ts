/** What Linux knows of a process: proc(5). */
import { readdir, readFile, writeFile } from 'node:fs/promises';

/** The kernel's ticks are hundredths of a second (USER_HZ). */
const tickUs = 10_000;

/** Microseconds of the processor's time that the process has taken so far. */
export async function cpuUsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // utime and stime are fields 14 and 15; the name, which may hold anything, is the second and ends with the last ")".
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickUs;
}

async function statusMib(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
  if (kib === undefined) throw new Error(`process ${pid} has no ${field}: it has ended`);
  return Number(kib) / 1024;
}

export const residentMib = (pid: number): Promise<number> => statusMib(pid, 'VmRSS');

/** The most that was resident at any time since `forgetPeak`. */
export const peakMib = (pid: number): Promise<number> => statusMib(pid, 'VmHWM');

export const forgetPeak = (pid: number): Promise<void> => writeFile(`/proc/${pid}/clear_refs`, '5');

export const descriptorsOf = async (pid: number): Promise<number> =>
  (await readdir(`/proc/${pid}/fd`)).length;
