/** Rows of COPY in text and CSV: where one ends, its fields, and the row again from changed fields. */
import type { CopyOut } from '../sql/analysis.ts';

export interface RowFormat {
  /** How many bytes the first row takes; null while it is not whole. */
  rowBytes(data: Buffer): number | null;
  /** Its values, unescaped; null for what is no row (a header), which passes as it is. */
  fields(row: Buffer): readonly (Buffer | null)[] | null;
  row(values: readonly (Buffer | null)[]): Buffer;
}

const newline = 0x0a;

/** `CopyAttributeOutText`: what text format writes as backslash and a letter. */
const escapes: ReadonlyMap<string, string> = new Map([
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
]);
const letters: ReadonlyMap<string, string> = new Map(
  [...escapes].map(([character, written]) => [written.slice(1), character]),
);

export function textRows({ delimiter, nullText, header }: CopyOut): RowFormat {
  let headerLeft = header;
  const unescaped = (field: string): string =>
    field.replace(/\\([\s\S])/g, (_, letter: string) => letters.get(letter) ?? letter);
  const escaped = (value: string): string => {
    let text = '';
    for (const character of value) {
      text += escapes.get(character) ?? (character === delimiter ? `\\${character}` : character);
    }
    return text;
  };
  // Text format does not set a value that reads like NULL apart: `NULL 'guess'` would show unmasked where a value is the guess.
  // Such a field counts as a value. CSV quotes it, and \N, the usual one, is no escaped value.
  const isNull = (field: string): boolean => field === nullText && escaped(unescaped(nullText)) !== nullText;
  return {
    // A newline within a value is written as \n, so the first one ends the row.
    rowBytes: (data) => {
      const end = data.indexOf(newline);
      return end === -1 ? null : end + 1;
    },
    fields(row) {
      if (headerLeft) {
        headerLeft = false;
        return null;
      }
      return splitText(row.toString('utf8', 0, row.length - 1), delimiter).map((field) =>
        isNull(field) ? null : Buffer.from(unescaped(field)),
      );
    },
    row: (values) =>
      Buffer.from(
        `${values.map((value) => (value === null ? nullText : escaped(value.toString('utf8')))).join(delimiter)}\n`,
      ),
  };
}

/** At delimiters that no backslash escapes. */
function splitText(row: string, delimiter: string): readonly string[] {
  const fields: string[] = [];
  let start = 0;
  for (let at = 0; at < row.length; at++) {
    if (row[at] === '\\') at += 1;
    else if (row[at] === delimiter) {
      fields.push(row.slice(start, at));
      start = at + 1;
    }
  }
  fields.push(row.slice(start));
  return fields;
}

export function csvRows({ delimiter, nullText, quote, escape: escaping, header }: CopyOut): RowFormat {
  let headerLeft = header;
  const quoteByte = quote.charCodeAt(0);
  const escapeByte = escaping.charCodeAt(0);
  return {
    rowBytes(data) {
      let quoted = false;
      for (let at = 0; at < data.length; at++) {
        const byte = data[at];
        if (quoted && byte === escapeByte && escapeByte !== quoteByte) at += 1;
        else if (byte === quoteByte) quoted = !quoted;
        else if (byte === newline && !quoted) return at + 1;
      }
      return null;
    },
    fields(row) {
      if (headerLeft) {
        headerLeft = false;
        return null;
      }
      return splitCsv(row.toString('utf8', 0, row.length - 1), delimiter, quote, escaping).map((field) =>
        !field.quoted && field.text === nullText ? null : Buffer.from(field.text),
      );
    },
    // Every value quoted: then none can be taken for NULL, a delimiter, or the end of the data.
    row: (values) =>
      Buffer.from(
        `${values
          .map((value) =>
            value === null
              ? nullText
              : quote +
                [...value.toString('utf8')]
                  .map((character) =>
                    character === quote || character === escaping ? escaping + character : character,
                  )
                  .join('') +
                quote,
          )
          .join(delimiter)}\n`,
      ),
  };
}

interface CsvField {
  readonly text: string;
  readonly quoted: boolean;
}

function splitCsv(row: string, delimiter: string, quote: string, escaping: string): readonly CsvField[] {
  const fields: CsvField[] = [];
  let text = '';
  let quoted = false;
  let inside = false;
  for (let at = 0; at < row.length; at++) {
    const character = row[at] ?? '';
    const next = row[at + 1] ?? '';
    if (inside && character === escaping && (next === quote || next === escaping)) {
      text += next;
      at += 1;
    } else if (character === quote) {
      inside = !inside;
      quoted = true;
    } else if (!inside && character === delimiter) {
      fields.push({ text, quoted });
      text = '';
      quoted = false;
    } else text += character;
  }
  fields.push({ text, quoted });
  return fields;
}
