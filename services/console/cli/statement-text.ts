import { wrapped } from '../../core/model/text-columns.ts';
import { visibleText } from '../../core/model/visible-text.ts';
import { maxShownBlankLines, maxShownIndent, maxShownSpaces } from './limits.ts';
import { dim } from './screen.ts';

/** `⟨120 spaces⟩`: no text can say so itself, since `visibleText` marks its brackets. */
const counted = (count: number, what: string): string => `⟨${count} ${what}⟩`;

const blank = /^[ \t]*$/;
const longRun = new RegExp(` {${maxShownSpaces + 1},}`, 'g');

/**
 * A text for somebody who decides on it: all of it, and nothing in it can hide. What cannot be seen is shown as its code
 * point; what only pushes the rest out of sight (runs of spaces, blank lines) is counted. Lines are numbered, and those
 * that are too long for the terminal go on under a mark of their own: no text can look like the beginning of a line.
 *
 * @param columns of the terminal; null does not break lines
 */
export function statementText(text: string, columns: number | null): readonly string[] {
  const lines = text.split('\n');
  const digits = String(lines.length).length;
  const shown: string[] = [];
  for (let index = 0; index < lines.length; ) {
    const blanks = blankLinesFrom(lines, index);
    if (blanks > maxShownBlankLines) {
      shown.push(`${gutter(index + 1, digits)}${counted(blanks, 'blank lines')}`);
      index += blanks;
      continue;
    }
    const line = visibleLine(lines[index] ?? '');
    const pieces = columns === null ? [line] : wrapped(line, Math.max(20, columns - digits - 3));
    for (const [piece, part] of pieces.entries()) {
      shown.push(`${piece === 0 ? gutter(index + 1, digits) : gutter(null, digits)}${part}`);
    }
    index += 1;
  }
  return shown;
}

function blankLinesFrom(lines: readonly string[], from: number): number {
  let count = 0;
  while (from + count < lines.length && blank.test(lines[from + count] ?? '')) count += 1;
  return count;
}

const gutter = (line: number | null, digits: number): string =>
  dim(line === null ? `${' '.repeat(digits)} ┆ ` : `${String(line).padStart(digits)} │ `);

function visibleLine(line: string): string {
  // Tabs that indent are four spaces; others could be part of a value, and are marked like all that cannot be seen.
  const [indent = ''] = /^[ \t]*/.exec(line) ?? [];
  const spaces = indent.replaceAll('\t', '    ').length;
  const rest = visibleText(line.slice(indent.length));
  const begin = spaces > maxShownIndent ? counted(spaces, 'spaces') : ' '.repeat(spaces);
  return begin + rest.replace(longRun, (run) => counted(run.length, 'spaces'));
}

/** How many characters of a text are shown as their code points. */
export const markedCharacters = (text: string): number =>
  visibleText(text.replaceAll(/[\n\t]/g, ' ')).match(/⟨U\+[0-9A-F]+⟩/g)?.length ?? 0;
