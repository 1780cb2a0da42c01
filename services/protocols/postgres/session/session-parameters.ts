import { pinnedParameters } from './parameter-status.ts';

/** Start-up parameters that a client may set: they change how values are shown, not what statements mean. */
const permitted: ReadonlySet<string> = new Set([
  'application_name',
  'datestyle',
  'extra_float_digits',
  'intervalstyle',
  'timezone',
]);

/** Names of options of the protocol itself begin so; none is known, which NegotiateProtocolVersion says. */
export const protocolOption = '_pq_.';

/** `sallyport.login=oauth`: how a client says that it speaks SASL OAUTHBEARER. Nothing else in a StartupMessage tells. */
export const loginParameter = 'sallyport.login';

/** As libpq's `options` has it. Alone: whatever else stands there is for the server, and refused with the whole. */
const loginOption = /^\s*(?:-c\s*|--)sallyport\.login=(\S+)\s*$/i;

/** The value of `sallyport.login`; null when the client leaves it to the listener. */
export function askedLogin(asked: ReadonlyMap<string, string>): string | null {
  for (const [name, value] of asked) {
    const lower = name.toLowerCase();
    if (lower === loginParameter) return value;
    const inOptions = lower === 'options' ? loginOption.exec(value)?.[1] : undefined;
    if (inOptions !== undefined) return inOptions;
  }
  return null;
}

/** Free text that ends up in the server's logs and views: as long as an identifier. */
const maxApplicationNameCharacters = 63;

export type SessionParameters =
  | { readonly kind: 'parameters'; readonly parameters: ReadonlyMap<string, string> }
  | { readonly kind: 'refused'; readonly name: string; readonly hint: string };

/**
 * The target's start-up parameters, built anew from an allowlist: the server takes the last of duplicates, and `options`, `role`,
 * `search_path` or `replication` would come in that way.
 */
export function sessionParameters(
  asked: ReadonlyMap<string, string>,
  searchPath: readonly string[],
  subject: string,
): SessionParameters {
  const parameters = new Map<string, string>([
    ...pinnedParameters,
    ['application_name', `${subject} via sallyport`.slice(0, maxApplicationNameCharacters)],
    ['search_path', searchPathText(searchPath)],
  ]);
  for (const [name, value] of asked) {
    const lower = name.toLowerCase();
    if (name === 'user' || name === 'database' || name.startsWith(protocolOption)) continue;
    if (lower === loginParameter) continue;
    if (lower === 'client_encoding') {
      if (!isUtf8OrNone(value)) return { kind: 'refused', name, hint: 'The gateway speaks UTF8.' };
    } else if (lower === 'options' && (value.trim() === '' || loginOption.test(value))) continue;
    else if (permitted.has(lower))
      parameters.set(lower, value.slice(0, lower === 'application_name' ? 63 : 256));
    else
      return { kind: 'refused', name, hint: `Leave it out. These may be set: ${[...permitted].join(', ')}.` };
  }
  return { kind: 'parameters', parameters };
}

/** psql on a terminal without a locale (a bare container) asks for SQL_ASCII, "bytes as they are": those are UTF-8 here. */
const isUtf8OrNone = (value: string): boolean => /^["']?(utf-?8|unicode|auto|sql_ascii)["']?$/i.test(value);

/**
 * pg_temp last: named nowhere it would be searched first, and a temporary table could stand before every table of the same name.
 * https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SEARCH-PATH
 */
export const searchPathText = (schemas: readonly string[]): string =>
  [...schemas.map((schema) => `"${schema.replaceAll('"', '""')}"`), 'pg_temp'].join(', ');
