/**
 * What commands write. Results go to standard output, everything else to standard error. Whoever writes a text of a
 * client, a target or a file makes it visible first (`core/model/visible-text.ts`): nothing here looks into it.
 */
import { styleText } from 'node:util';
import { printableJson } from '../printable-json.ts';

type Style = Parameters<typeof styleText>[0];

/** Colours only on a terminal that shows them, and never with NO_COLOR: `styleText` looks at the stream. */
const stylesOf = (stream: NodeJS.WriteStream) => {
  const style =
    (name: Style) =>
    (text: string): string =>
      styleText(name, text, { stream });
  return {
    bold: style('bold'),
    dim: style('dim'),
    red: style('red'),
    green: style('green'),
    yellow: style('yellow'),
    cyan: style('cyan'),
  };
};
export type Styles = ReturnType<typeof stylesOf>;

export const onOutput = stylesOf(process.stdout);
export const onError = stylesOf(process.stderr);
export const { bold, dim, red, green, yellow } = onOutput;

/** One line, or several, of the result. */
export function print(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** The result for a program: JSON over several lines. */
export const printJson = (value: unknown): void => print(printableJson(value, 2));

/** The result for a program: one document a line. */
export const printJsonLine = (value: unknown): void => print(printableJson(value));

/** What is said beside the result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export const noteWarning = (line: string): void => note(`${onError.yellow('warning:')} ${line}`);

export function noteError(message: string, details: readonly string[], hint: string | null): void {
  note(`${onError.red('error:')} ${message}`);
  for (const line of details) note(line);
  if (hint !== null) note(`${onError.cyan('hint:')} ${hint}`);
}

/** Columns of the terminal that the result is shown on; null when it goes to a file or a program. */
export const terminalColumns = (): number | null =>
  process.stdout.isTTY ? Math.max(40, process.stdout.columns) : null;

export const terminalRows = (): number | null => (process.stdout.isTTY ? process.stdout.rows : null);

/** How long something may take before the person is told what is waited for. */
const patienceMs = 1_000;

/** Waits for what may take long. */
export async function waitingFor<Result>(what: string, work: Promise<Result>): Promise<Result> {
  const timer = setTimeout(() => note(onError.dim(`${what} …`)), patienceMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
