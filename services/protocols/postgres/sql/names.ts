import type { ColumnRef } from './analysis.ts';

/**
 * Names as effects and policies write them: `app.users`. A part that holds a dot, a quote or a star is quoted as in SQL, so that
 * "a.b"."c" and "a"."b.c" stay two relations; everything else stands as the catalog spells it, upper case included.
 */
const needsQuotes = /[."*]|^$/;

export const namePart = (name: string): string =>
  needsQuotes.test(name) ? `"${name.replaceAll('"', '""')}"` : name;

export const dotted = (...parts: readonly string[]): string => parts.map(namePart).join('.');

/** `app.users.email`: a relation's text is already quoted where it must be. */
export const columnText = (column: ColumnRef): string => `${column.relation}.${namePart(column.column)}`;

/** The parts of a dotted name; null when it is not one (a lone quote, an empty part). */
export function splitDotted(text: string): readonly string[] | null {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    let part = '';
    if (text[at] === '"') {
      const closed = closingQuote(text, at);
      if (closed === null) return null;
      part = text.slice(at + 1, closed).replaceAll('""', '"');
      at = closed + 1;
    } else {
      const dot = text.indexOf('.', at);
      part = text.slice(at, dot < 0 ? text.length : dot);
      if (part === '' || part.includes('"')) return null;
      at += part.length;
    }
    parts.push(part);
    if (at === text.length) return parts;
    if (text[at] !== '.') return null;
    at += 1;
  }
}

function closingQuote(text: string, openedAt: number): number | null {
  for (let at = openedAt + 1; at < text.length; at++) {
    if (text[at] !== '"') continue;
    if (text[at + 1] !== '"') return at;
    at += 1;
  }
  return null;
}

/**
 * The schemas in which unqualified names are looked up, in order. PostgreSQL puts pg_catalog first where it is not listed.
 * pg_temp is not here: what is in it belongs to one session, and the gateway's catalog does not know it.
 */
export interface SearchPath {
  readonly schemas: readonly string[];
}

export const searchPath = (listed: readonly string[]): SearchPath => {
  const schemas = listed.filter((name) => name !== 'pg_temp' && name !== '');
  return { schemas: schemas.includes('pg_catalog') ? schemas : ['pg_catalog', ...schemas] };
};

export const emptySearchPath = searchPath([]);
