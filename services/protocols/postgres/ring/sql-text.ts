/** Pieces of SQL text, always quoted: what is a key word differs between versions of PostgreSQL. */

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const qualified = (schema: string, name: string): string =>
  `${identifier(schema)}.${identifier(name)}`;

/** With standard_conforming_strings on. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
