import type { ClaimObject, ClaimValue } from '../model/principal.ts';
import { maxTokenDepth, maxTokenMembers } from './limits.ts';

/** What is wrong with the JSON; quotes nothing of it. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError';
}

/**
 * Reads a JSON object that every parser reads alike: a name stands once in its object (RFC 7515 section 4 lets a
 * parser take the last of duplicates, so two may see another `alg`), numbers are finite (1e999 is not). The objects
 * have no prototype and are frozen, so `__proto__` is a name like any other and shared claims stay as they are.
 *
 * @throws StrictJsonError
 */
export function parseStrictJson(text: string): ClaimObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // V8's message quotes the text, which is a credential here: nothing of it goes on.
    throw new StrictJsonError('it is not JSON');
  }
  if (!isPlainObject(parsed)) throw new StrictJsonError('it is not a JSON object');
  const counted = { members: 0 };
  const object = copyObject(parsed, 1, counted);
  if (counted.members !== membersWritten(text))
    throw new StrictJsonError('a name stands twice in one object');
  return object;
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function copyObject(
  from: Readonly<Record<string, unknown>>,
  depth: number,
  counted: { members: number },
): ClaimObject {
  const copy: Record<string, ClaimValue> = Object.create(null);
  const names = Object.keys(from);
  counted.members += names.length;
  if (counted.members > maxTokenMembers) {
    throw new StrictJsonError(`it has more than ${maxTokenMembers} members`);
  }
  for (const name of names) copy[name] = copyValue(from[name], depth + 1, counted);
  return Object.freeze(copy);
}

function copyValue(value: unknown, depth: number, counted: { members: number }): ClaimValue {
  if (depth > maxTokenDepth) throw new StrictJsonError(`it is nested deeper than ${maxTokenDepth} levels`);
  if (Array.isArray(value)) return Object.freeze(value.map((item) => copyValue(item, depth + 1, counted)));
  if (isPlainObject(value)) return copyObject(value, depth, counted);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new StrictJsonError('a number is too large');
  return value as ClaimValue; // JSON.parse gives nothing else than strings, numbers, booleans and null here
}

/**
 * How many members the text writes down: in valid JSON each has exactly one colon outside of strings. A parser that
 * drops duplicates keeps fewer. That is all there is to find out, so no second parser is needed.
 */
function membersWritten(json: string): number {
  let members = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') inString = !inString;
    else if (inString && character === '\\') at += 1;
    else if (!inString && character === ':') members += 1;
  }
  return members;
}
