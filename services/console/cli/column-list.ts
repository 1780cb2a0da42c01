import { columnsOf, cut, padded } from '../../core/model/text-columns.ts';
import { visibleText } from '../../core/model/visible-text.ts';
import { maxCellColumns } from './limits.ts';
import { bold } from './screen.ts';

/** A list in columns under their names. Values may be anybody's text: they are made visible, and long ones are cut. */
export function columnList(
  names: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const cells = rows.map((row) => row.map((value) => cut(visibleText(value), maxCellColumns)));
  const widths = names.map((name, index) =>
    Math.max(columnsOf(name), ...cells.map((row) => columnsOf(row[index] ?? ''))),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => padded(cell, widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [bold(line(names)), ...cells.map(line)];
}
