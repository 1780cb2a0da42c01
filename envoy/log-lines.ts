import { z } from 'zod';
import type { Logger } from '../services/core/model/log.ts';

/** A line of Envoy's application log, as bootstrap.ts has it written. */
const applicationLine = z.object({ level: z.string(), component: z.string(), message: z.string() });

const accessLine = z.record(z.string(), z.unknown());

/** How bad a line is: Envoy tells its inner workings at `info` (a hundred lines at each start), which are our debug. */
const levels: Readonly<Record<string, 'debug' | 'warn' | 'error'>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'debug',
  warning: 'warn',
  error: 'error',
  critical: 'error',
};

/** A warning to Envoy, and what we asked for. */
const answerToStop = 'caught ENVOY_SIGTERM';

/** Joins a line of Envoy's stderr into our log. Gives its text when it is a warning or worse, which errors quote. */
export function joinApplicationLine(line: string, log: Logger): string | null {
  const { level, component, message } = readApplicationLine(line);
  const method = message === answerToStop ? 'debug' : (levels[level] ?? 'warn');
  log[method]({ component, detail: message }, 'said by Envoy');
  return method === 'debug' ? null : message;
}

/** Joins a line of Envoy's stdout, an access log entry, into our log. */
export function joinAccessLine(line: string, log: Logger): void {
  const parsed = accessLine.safeParse(fromJson(line));
  if (parsed.success) log.info(parsed.data, 'method' in parsed.data ? 'request ended' : 'connection ended');
  else log.warn({ line }, 'Envoy wrote something that is no access log');
}

/** Before it has read its config Envoy writes plain text: `[time][thread][level][component] [file:line] message`. */
const plainLine = /^\[[^\]]*\]\[\d+\]\[(\w+)\]\[(\w+)\] (?:\[[^\]]*\] )?(.*)$/;

export function readApplicationLine(line: string): z.infer<typeof applicationLine> {
  const parsed = applicationLine.safeParse(fromJson(line));
  if (parsed.success) return { ...parsed.data, message: parsed.data.message.trim() };
  const [, level = 'warning', component = 'main', message = line] = plainLine.exec(line) ?? [];
  return { level, component, message };
}

function fromJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
