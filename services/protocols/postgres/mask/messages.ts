import type { ValueScanner } from '../../../core/masking/scan.ts';
import type { MessageFields } from '../wire/backend.ts';

/**
 * Fields of an error or notice that can reach a client at all; file, line and routine of the server's source are nobody's
 * business. https://www.postgresql.org/docs/current/protocol-error-fields.html
 */
const shown: ReadonlySet<string> = new Set('SVCMDHPpqWstcdn');

/** Of a statement that touches masked columns: nothing that can hold a value. */
const withoutValues: ReadonlySet<string> = new Set('SVCP');

/** Fields without data: severity, SQLSTATE, positions. All others may quote some: prose, the text of an inner query, names by RAISE. */
const withoutData: ReadonlySet<string> = new Set('SVCPp');

/** The commonest SQLSTATEs of running statements, in words without a value: the appendix's condition names. */
const conditions: ReadonlyMap<string, string> = new Map([
  ['22001', 'string data right truncation'],
  ['22003', 'numeric value out of range'],
  ['22007', 'invalid datetime format'],
  ['22008', 'datetime field overflow'],
  ['22012', 'division by zero'],
  ['22023', 'invalid parameter value'],
  ['22P02', 'invalid text representation'],
  ['23502', 'not-null violation'],
  ['23503', 'foreign key violation'],
  ['23505', 'unique violation'],
  ['23514', 'check violation'],
  ['25006', 'read-only transaction'],
  ['25P01', 'there is no transaction in progress'],
  ['25P02', 'current transaction is aborted, commands ignored until end of transaction block'],
  ['40001', 'serialization failure'],
  ['40P01', 'deadlock detected'],
  ['42501', 'insufficient privilege'],
  ['53200', 'out of memory'],
  ['55P03', 'lock not available'],
  ['57014', 'canceling statement'],
  ['57P01', 'the server ends the connection'],
  ['57P05', 'the session was idle for too long'],
]);

/**
 * The message of an error that may carry a masked value. With a position (`P`) it was raised while the text was read, about the text
 * itself, and quotes nothing that the client has not written; errors of running code have none.
 */
export function withheldMessage(fields: MessageFields): MessageFields {
  if (fields.has('P')) return permitted(fields, shown);
  const kept = new Map(permitted(fields, withoutValues));
  const code = fields.get('C') ?? '';
  const condition = conditions.get(code) ?? `condition ${code}`;
  kept.set('M', `${condition} (the message is withheld: the statement touches masked columns)`);
  return kept;
}

/** The message of an error that has nothing to do with masked columns, searched for what detectors know. */
export function scannedMessage(fields: MessageFields, scanner: ValueScanner | null): MessageFields {
  const kept = permitted(fields, shown);
  if (scanner === null) return kept;
  return new Map(
    [...kept].map(([letter, text]) => [letter, withoutData.has(letter) ? text : scannedText(text, scanner)]),
  );
}

export function scannedText(text: string, scanner: ValueScanner): string {
  const scanned = scanner.scan(Buffer.from(text), 'text');
  return scanned === null ? text : (scanned.value?.toString('utf8') ?? '');
}

const permitted = (fields: MessageFields, letters: ReadonlySet<string>): MessageFields =>
  new Map([...fields].filter(([letter]) => letters.has(letter)));
