/**
 * ParameterStatus messages can carry data (a set_config whose value was selected), so only those that drivers read pass.
 * application_name is told once, at start-up: it is free text.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-ASYNC
 */
const passing: ReadonlySet<string> = new Set([
  'client_encoding',
  'DateStyle',
  'default_transaction_read_only',
  'in_hot_standby',
  'integer_datetimes',
  'IntervalStyle',
  'is_superuser',
  'scram_iterations',
  'server_encoding',
  'server_version',
  'session_authorization',
  'standard_conforming_strings',
  'TimeZone',
]);

export const parameterMayPass = (name: string): boolean => passing.has(name);

/** What changes the meaning of bytes: under another value the server would read another statement than we did. */
export const pinnedParameters: ReadonlyMap<string, string> = new Map([
  ['client_encoding', 'UTF8'],
  ['standard_conforming_strings', 'on'],
]);

export const sessionMeaningHolds = (name: string, value: string): boolean => {
  const pinned = pinnedParameters.get(name);
  return pinned === undefined || pinned === value;
};
