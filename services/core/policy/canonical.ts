import { createHash } from 'node:crypto';

/** Keys in order and no spaces, so that the same content gives the same text whatever the file looked like. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

/** 64 bits as hex: short enough to say, long enough that two versions of one file never meet by chance. */
const versionCharacters = 16;

export const contentVersion = (content: unknown): string =>
  createHash('sha256').update(canonicalJson(content)).digest('hex').slice(0, versionCharacters);
