export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

export interface JsonLimits {
  /** Members of all objects together. */
  readonly maxMembers: number;
  /** Objects and lists within each other. */
  readonly maxDepth: number;
}

/** What is wrong with the JSON; quotes nothing of it. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError';
}

/**
 * Reads a JSON object that every parser reads alike: a name stands once in its object (RFC 7515 section 4 lets a
 * parser take the last of duplicates, so two may see another `alg`), numbers are finite (1e999 is not). The objects
 * have no prototype and are frozen, so `__proto__` is a name like any other and shared values stay as they are.
 *
 * @throws StrictJsonError
 */
export function parseStrictJson(text: string, limits: JsonLimits): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // V8's message quotes the text, which may be a credential: nothing of it goes on.
    throw new StrictJsonError('it is not JSON');
  }
  if (!isPlainObject(parsed)) throw new StrictJsonError('it is not a JSON object');
  const counted = { members: 0, limits };
  const object = copyObject(parsed, 1, counted);
  if (counted.members !== membersWritten(text))
    throw new StrictJsonError('a name stands twice in one object');
  return object;
}

interface Counted {
  readonly limits: JsonLimits;
  members: number;
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function copyObject(from: Readonly<Record<string, unknown>>, depth: number, counted: Counted): JsonObject {
  const copy: Record<string, JsonValue> = Object.create(null);
  const names = Object.keys(from);
  counted.members += names.length;
  if (counted.members > counted.limits.maxMembers) {
    throw new StrictJsonError(`it has more than ${counted.limits.maxMembers} members`);
  }
  for (const name of names) copy[name] = copyValue(from[name], depth + 1, counted);
  return Object.freeze(copy);
}

function copyValue(value: unknown, depth: number, counted: Counted): JsonValue {
  if (depth > counted.limits.maxDepth)
    throw new StrictJsonError(`it is nested deeper than ${counted.limits.maxDepth} levels`);
  if (Array.isArray(value)) return Object.freeze(value.map((item) => copyValue(item, depth + 1, counted)));
  if (isPlainObject(value)) return copyObject(value, depth, counted);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new StrictJsonError('a number is too large');
  return value as JsonValue; // JSON.parse gives nothing else than strings, numbers, booleans and null here
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
