/** What the demo writes. All of it goes to standard output, in order; errors to standard error. */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Colours only on a terminal that shows them, and never with NO_COLOR: `styleText` looks at the stream. */
const style =
  (name: Style) =>
  (text: string): string =>
    styleText(name, text, { stream: process.stdout });

const dim = style('dim');
const green = style('green');
const cyan = style('cyan');
const yellow = style('yellow');
export const bold = style('bold');

/** Fits most terminals, and is read easily on wide ones. */
const textColumns = 100;

export function say(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

export const heading = (text: string): void => say('', bold(cyan(`--- ${text} `.padEnd(textColumns, '-'))));

/** What the agent typed. */
export const typed = (sql: string): void => say('', `  ${dim('shop=>')} ${bold(sql)}`);

/** What came back. */
export const got = (...lines: readonly string[]): void => say(...lines.map((line) => `  ${line}`));

/** What came back beside rows, as psql writes it: `ERROR:  ...`. Long texts are broken, which psql leaves to the terminal. */
export function gotMessage(label: 'ERROR' | 'FATAL' | 'NOTICE' | 'DETAIL' | 'HINT', text: string): void {
  const colour = label === 'DETAIL' || label === 'HINT' ? bold : yellow;
  const indent = ' '.repeat(label.length + 3);
  const [first = '', ...rest] = wrapped(text, textColumns - indent.length - 2);
  got(`${colour(`${label}:`)}  ${first}`, ...rest.map((line) => indent + line));
}

function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Why it came back like that. */
export const why = (...lines: readonly string[]): void => say('', ...lines.map((line) => green(line)));

/** Something to copy. */
export const command = (...lines: readonly string[]): void => say(...lines.map((line) => `  ${bold(line)}`));

/** A comment beside something to copy. */
export const remark = (text: string): string => dim(`# ${text}`);

/** How psql shows an answer. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = columns.map((column, at) =>
    Math.max(column.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    ` ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')}`.trimEnd();
  return [
    line(columns),
    widths.map((width) => '-'.repeat(width + 2)).join('+'),
    ...rows.map(line),
    `(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`,
  ];
}

/** How long something may take before a log without a terminal is told what is waited for. */
const patienceMs = 1_000;

/** Tells what is being done while it is, and then what came of it. */
export async function step<Result>(
  doing: string,
  work: (tell: (doing: string) => void) => Promise<Result>,
  done: (result: Result) => string,
): Promise<Result> {
  const startedMs = performance.now();
  const seconds = (): string => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  const { isTTY } = process.stdout;
  let now = doing;
  let told = '';
  const show = (): void => {
    if (isTTY) {
      // A terminal that was told no size says 0. A line that is broken could not be written over.
      const text = `  [..] ${now} (${seconds()})`.slice(0, (process.stdout.columns || 80) - 1);
      process.stdout.write(`\r\x1b[K${text}`);
    } else if (told !== now) {
      told = now;
      say(`  [..] ${now} ...`);
    }
  };
  if (isTTY) show();
  const timer = setInterval(show, patienceMs);
  const clear = (): void => {
    clearInterval(timer);
    if (isTTY) process.stdout.write('\r\x1b[K');
  };
  try {
    const result = await work((next) => {
      now = next;
      show();
    });
    clear();
    say(`  [${green('ok')}] ${done(result)} ${dim(`(${seconds()})`)}`);
    return result;
  } catch (error) {
    clear();
    say(`  [${yellow('--')}] ${now}`);
    throw error;
  }
}

export function complain(message: string, hint: string | null): void {
  const label = (name: Style, text: string): string => styleText(name, text, { stream: process.stderr });
  process.stderr.write(`\n${label('red', 'error:')} ${message}\n`);
  if (hint !== null) process.stderr.write(`${label('cyan', 'hint:')} ${hint}\n`);
}
