import { unprintableCharacters } from '../model/visible-text.ts';

const printableLine = /^[\x20-\x7e]*$/;

/**
 * A line of JSON in which all that cannot be seen is escaped. JSON itself escapes line breaks and other controls of
 * ASCII, so nothing can begin a line of its own; U+009B (a terminal's CSI), U+2028 and bidi overrides it would let
 * through.
 */
export function escapedLine(line: string): string {
  if (printableLine.test(line)) return line;
  return line.replace(unprintableCharacters, (character) =>
    // By UTF-16 unit, as JSON's escapes are.
    Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}

const colours = { debug: 90, info: 32, warn: 33, error: 31 } as const;
const isLevel = (level: string): level is keyof typeof colours => Object.hasOwn(colours, level);
const bare = /^[\w.:/@+-]+$/;

const valueText = (value: unknown): string =>
  typeof value === 'string' && bare.test(value) ? value : escapedLine(JSON.stringify(value));

/** Stacks are what a terminal is wider than: below the line, indented, so that nothing in them looks like a line. */
const stackLines = (value: unknown): readonly string[] => {
  if (typeof value !== 'object' || value === null || !('stack' in value) || typeof value.stack !== 'string') {
    return [];
  }
  return value.stack.split('\n').map((line) => `    ${escapedLine(line)}`);
};

const withoutStack = (value: unknown): unknown =>
  stackLines(value).length > 0 ? { ...Object(value), stack: undefined } : value;

/** A JSON line as a person at a terminal reads it: `10:22:33.123 WARN  what happened  field=value`. */
export function terminalLine(line: string, coloured: boolean): string {
  const { time, level, msg, ...fields }: Record<string, unknown> = JSON.parse(line);
  const name = String(level);
  const label = name.toUpperCase().padEnd(5);
  const shown = coloured && isLevel(name) ? `\u001b[${colours[name]}m${label}\u001b[0m` : label;
  const head = [String(time).slice(11, 23), shown, escapedLine(String(msg))].join(' ');
  const tail = Object.entries(fields).map(
    ([field, value]) => `${escapedLine(field)}=${valueText(withoutStack(value))}`,
  );
  const below = Object.values(fields).flatMap(stackLines);
  return [[head, ...tail].join('  '), ...below].join('\n');
}
