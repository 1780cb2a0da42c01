import { decoded } from './canonical-path.ts';
import { maxQueryParameters } from './limits.ts';

export interface QueryParameter {
  readonly name: string;
  readonly value: string;
}

export interface Query {
  /** As it is forwarded, without the `?`. */
  readonly raw: string;
  /** Between `&`, as every framework reads them. */
  readonly parameters: readonly QueryParameter[];
  /** Those that there would be if `;` separated too, as some frameworks have it; the same ones when there is no `;`. */
  readonly possible: readonly QueryParameter[];
}

/** Why it cannot be read, as a sentence goes on after "the query". */
export interface QueryFault {
  readonly fault: string;
}

export const noQuery: Query = { raw: '', parameters: [], possible: [] };

/** Visible ASCII but `#` and `\`: more than RFC 3986 has, since clients send brackets and braces as they are. */
const wellFormed = /^(?:[!"$&-[\]-~]|%[0-9A-Fa-f]{2})*$/;

export function readQuery(raw: string): Query | QueryFault {
  if (raw === '') return noQuery;
  if (!wellFormed.test(raw)) return { fault: 'has characters in it that stand in no query (RFC 3986)' };
  const parameters = parametersOf(raw.split('&'));
  if (parameters === null) return { fault: 'has percent-encoded bytes in it that are not UTF-8' };
  const possible = raw.includes(';') ? parametersOf(raw.split(/[&;]/)) : parameters;
  if (possible === null) return { fault: 'has percent-encoded bytes in it that are not UTF-8' };
  if (possible.length > maxQueryParameters)
    return { fault: `has more than ${maxQueryParameters} parameters` };
  if (possible.some(({ name, value }) => name.includes('\0') || value.includes('\0'))) {
    return { fault: 'has a NUL in it' };
  }
  return { raw, parameters, possible };
}

function parametersOf(parts: readonly string[]): readonly QueryParameter[] | null {
  const parameters: QueryParameter[] = [];
  for (const part of parts) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = formDecoded(equals < 0 ? part : part.slice(0, equals));
    const value = formDecoded(equals < 0 ? '' : part.slice(equals + 1));
    if (name === null || value === null) return null;
    parameters.push({ name, value });
  }
  return parameters;
}

/** `+` is a space (URL Standard, application/x-www-form-urlencoded). */
const formDecoded = (text: string): string | null => decoded(text.replaceAll('+', ' '));
