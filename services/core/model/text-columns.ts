/** Characters that terminals give two columns (Unicode's East Asian Wide and Fullwidth, and emoji). */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const none = /\p{M}/u;
const oneColumnEach = /^[\x20-\x7e]*$/;

export const columnsOfCharacter = (character: string): number =>
  none.test(character) ? 0 : wide.test(character) ? 2 : 1;

/** How many columns of a terminal a text takes that has been made visible. */
export const columnsOf = (text: string): number =>
  oneColumnEach.test(text)
    ? text.length
    : [...text].reduce((sum, character) => sum + columnsOfCharacter(character), 0);

/** The text in pieces of at most so many columns; nothing is left out. */
export function wrapped(text: string, columns: number): readonly string[] {
  if (text.length * 2 <= columns || columnsOf(text) <= columns) return [text];
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const character of text) {
    const width = columnsOfCharacter(character);
    if (used + width > columns && line !== '') {
      lines.push(line);
      line = '';
      used = 0;
    }
    line += character;
    used += width;
  }
  return [...lines, line];
}

/** The text as it stands, or its beginning and `…`. For lists only: what somebody decides on is never cut. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  return `${wrapped(text, columns - 1)[0] ?? ''}…`;
}

export const padded = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
