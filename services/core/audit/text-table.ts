import { columnsOf, columnsOfCharacter, padded } from '../model/text-columns.ts';
import { visibleText } from '../model/visible-text.ts';
import { maxCellColumns } from './limits.ts';

/** Not a text of the target's: `visibleText` would have marked the brackets. */
const shownNull = '⟨NULL⟩';

/** A value as one line of at most `limit` columns. */
function cell(value: string | null, limit: number): string {
  if (value === null) return shownNull;
  // A character takes at most two columns and at least none, so this much of a text is all that can be shown.
  const shown = visibleText(value.slice(0, 4 * limit));
  if (columnsOf(shown) <= limit && value.length <= 4 * limit) return shown;
  let columns = 0;
  let kept = '';
  for (const character of shown) {
    columns += columnsOfCharacter(character);
    if (columns >= limit) break;
    kept += character;
  }
  return `${kept}…`;
}

/**
 * A result as psql shows it: names, a rule, and rows in columns. The widths come from the rows that are there when
 * the first is printed; later values that are longer are cut.
 */
export class TextTable {
  readonly #names: readonly string[];
  #widths: readonly number[] | null = null;
  #rows: (readonly (string | null)[])[] = [];
  #count = 0;

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  get waitingRows(): number {
    return this.#rows.length;
  }

  add(rows: readonly (readonly (string | null)[])[]): void {
    for (const row of rows) this.#rows.push(row);
    this.#count += rows.length;
  }

  /** What was not printed yet. */
  print(): string {
    const lines: string[] = [];
    if (this.#widths === null) {
      const measured = this.#rows.map((row) => row.map((value) => columnsOf(cell(value, maxCellColumns))));
      const names = this.#names.map((name) => cell(name, maxCellColumns));
      const widths = names.map((name, index) =>
        measured.reduce((widest, row) => Math.max(widest, row[index] ?? 0), columnsOf(name)),
      );
      this.#widths = widths;
      lines.push(names.map((name, index) => ` ${padded(name, widths[index] ?? 0)} `).join('|'));
      lines.push(widths.map((width) => '-'.repeat(width + 2)).join('+'));
    }
    const widths = this.#widths;
    for (const row of this.#rows) {
      // A value beyond the names is shown as well, as wide as may be: whoever made it up must not hide it.
      const cells = row.map((value, index) => {
        const width = widths[index] ?? maxCellColumns;
        return ` ${padded(cell(value, width), width)} `;
      });
      lines.push(cells.join('|'));
    }
    this.#rows = [];
    return lines.map((line) => `${line.trimEnd()}\n`).join('');
  }

  /** What was not printed yet, and how many rows there were. */
  end(): string {
    return `${this.print()}(${this.#count} ${this.#count === 1 ? 'row' : 'rows'})\n`;
  }
}
