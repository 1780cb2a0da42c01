/** What of an answer's headers goes on to the client where masks are in force. */
import type { Header, HeaderChanges } from '../request.ts';
import type { AnswerMasks } from './answer-plan.ts';

/**
 * They say something of a body that the client does not get: its length, a hash or version of it, that parts of it can be had. A hash of what
 * is masked would tell it to whoever tries values.
 */
const ofTheWhole: ReadonlySet<string> = new Set([
  'content-length',
  'etag',
  'accept-ranges',
  'content-range',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'want-digest',
]);

/** Dates and the like, in which nothing can be found. */
const notSearched: ReadonlySet<string> = new Set([
  'content-type',
  'date',
  'last-modified',
  'expires',
  'transfer-encoding',
]);

/** What says something of a body as it came packed. */
export const ofThePacked = (headers: readonly Header[]): readonly string[] =>
  headers.map(({ name }) => name).filter((name) => name === 'content-encoding' || ofTheWhole.has(name));

export interface MaskedHeaders extends HeaderChanges {
  readonly count: number;
}

export function maskedHeaders(headers: readonly Header[], masks: AnswerMasks): MaskedHeaders {
  let count = 0;
  const changed = new Set<string>();
  const shown = headers.flatMap(({ name, value }): Header[] => {
    const masked = maskedValue(name, value, masks);
    if (masked === null) return [{ name, value }];
    count += masked.count;
    changed.add(name);
    return masked.value === null ? [] : [{ name, value: masked.value }];
  });
  const set = shown.filter(({ name }) => changed.has(name) && !ofTheWhole.has(name));
  const names = new Set(set.map(({ name }) => name));
  const remove = [...new Set(headers.map(({ name }) => name))].filter(
    (name) => ofTheWhole.has(name) || (changed.has(name) && !names.has(name)),
  );
  return { remove, set, count };
}

/** Null leaves it as it is; a value of null takes it off. */
function maskedValue(
  name: string,
  value: string,
  { headers, scanner }: AnswerMasks,
): { readonly value: string | null; readonly count: number } | null {
  const mask = headers.get(name);
  if (mask !== undefined) {
    const shown = mask.string(Buffer.from(value, 'latin1').toString());
    return { value: shown === null ? null : visible(shown), count: 1 };
  }
  if (scanner === null || notSearched.has(name)) return null;
  const bytes = Buffer.from(value, 'latin1');
  const named = scanner.namesSecret(Buffer.from(name)) ? scanner.scanNamed(bytes) : null;
  const scanned = named ?? scanner.scan(bytes, 'text');
  if (scanned === null) return null;
  return { value: scanned.value === null ? null : visible(scanned.value.toString()), count: scanned.count };
}

/** A mask may show a letter beyond ASCII, which no header holds. */
const visible = (text: string): string => text.replaceAll(/[^\t -~]/g, '*');
