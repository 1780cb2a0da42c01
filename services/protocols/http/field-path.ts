/**
 * `customer.plan`, `items[*].sku`, `**.ssn`, `labels."a.b/c"`: which values of a JSON body a rule is about, written as in masks. Items of an
 * array belong to the field that holds it.
 */

import { InvariantError } from '../../core/model/errors.ts';
import { globMatcher } from '../requests/glob.ts';
import type { JsonNode } from './json-text.ts';
import { maxFieldPathParts } from './limits.ts';

/** A name that stands as it is, a pattern with stars, or any number of levels. */
type Part =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'glob'; readonly glob: string }
  | { readonly kind: 'any-depth' };

export interface FieldPath {
  readonly parts: readonly Part[];
}

/** One name, quoted or plain, and what says that an array of it is meant. */
const written = /^(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^".[\]]+))(?:\[\*?\])*(?:\.|$)/;
/** An array at the top: `[*].sku`. */
const leadingArray = /^(?:\[\*?\])+(?:\.|$)/;

/** @returns what is wrong with it, in a sentence, when it is no path */
export function parseFieldPath(text: string): FieldPath | { readonly fault: string } {
  const wanted = 'write names with dots between, as in items[*].sku or **.ssn';
  const parts: Part[] = [];
  let rest = text.replace(leadingArray, '');
  while (rest !== '') {
    const found = written.exec(rest);
    if (found === null || (found[0].endsWith('.') && found[0].length === rest.length)) {
      return { fault: `"${text}" is no path into JSON; ${wanted}` };
    }
    const { quoted, plain = '' } = found.groups ?? {};
    parts.push(quoted === undefined ? plainPart(plain) : { kind: 'name', name: unescaped(quoted) });
    rest = rest.slice(found[0].length);
  }
  if (parts.length === 0) return { fault: `"${text}" names no field; ${wanted}` };
  if (parts.length > maxFieldPathParts) {
    return { fault: `"${text}" has more than ${maxFieldPathParts} parts; ${wanted}` };
  }
  if (parts.filter(({ kind }) => kind === 'any-depth').length > 1) {
    return { fault: `"${text}" has ** twice, and once is enough to find a field at any depth` };
  }
  return { parts };
}

/** @throws InvariantError when it is none: the schemas of conditions refuse such */
export function fieldPath(text: string): FieldPath {
  const path = parseFieldPath(text);
  if ('fault' in path) throw new InvariantError(path.fault);
  return path;
}

const unescaped = (quoted: string): string => quoted.replaceAll(/\\(.)/gs, '$1');

function plainPart(name: string): Part {
  if (name === '**') return { kind: 'any-depth' };
  return name.includes('*') ? { kind: 'glob', glob: name } : { kind: 'name', name };
}

/** Whether the path names this place exactly. */
export function matchesNames({ parts }: FieldPath, names: readonly string[]): boolean {
  const deep = parts.findIndex(({ kind }) => kind === 'any-depth');
  const before = deep < 0 ? parts : parts.slice(0, deep);
  const after = deep < 0 ? [] : parts.slice(deep + 1);
  if (deep < 0 ? names.length !== before.length : names.length < before.length + after.length) return false;
  const matches = (part: Part, name: string | undefined): boolean => {
    if (part.kind === 'any-depth' || name === undefined) return false;
    return part.kind === 'name' ? part.name === name : globMatcher(part.glob)(name);
  };
  return (
    before.every((part, index) => matches(part, names[index])) &&
    after.every((part, index) => matches(part, names[names.length - after.length + index]))
  );
}

/**
 * All that servers fold when they look for a field: case (Go, Jackson, .NET; Go even ſ and K), and `user_id` for `userId` (protobuf's JSON,
 * Jackson). Two names that are one here are one field to some.
 */
const loose = (name: string): string =>
  name.normalize('NFKC').toUpperCase().toLowerCase().replaceAll(/[_-]/g, '');

type Members = ReadonlyMap<string, JsonNode>;
/** The members that a part of the path is about; null when that is not certain. */
type Step = (members: Members, wanted: boolean) => readonly JsonNode[] | null;

const exactStep = (part: Exclude<Part, { kind: 'any-depth' }>): Step => {
  const matches = part.kind === 'name' ? (name: string) => name === part.name : globMatcher(part.glob);
  const alike = looseMatcher(part);
  return (members, wanted) => {
    const found: JsonNode[] = [];
    for (const [name, value] of members) {
      if (matches(name)) found.push(value);
      else if (alike(name)) return null;
    }
    return wanted && part.kind === 'name' && found.length === 0 ? null : found;
  };
};

const looseStep = (part: Exclude<Part, { kind: 'any-depth' }>): Step => {
  const alike = looseMatcher(part);
  return (members) => [...members].filter(([name]) => alike(name)).map(([, value]) => value);
};

function looseMatcher(part: Exclude<Part, { kind: 'any-depth' }>): (name: string) => boolean {
  if (part.kind === 'glob') {
    const matches = globMatcher(loose(part.glob));
    return (name) => matches(loose(name));
  }
  const wanted = loose(part.name);
  return (name) => loose(name) === wanted;
}

/** The values at a path, arrays among them; null when some are not certain. */
export type Finder = (document: JsonNode) => readonly JsonNode[] | null;

/** For rules that allow: every value that the path is about, by its exact name, with nothing beside it that a server could take for it. */
export const certainValues = (path: FieldPath): Finder => finder(path, exactStep);

/** For rules that deny or hold: whatever a server could take for such a value. */
export const possibleValues = (path: FieldPath): ((document: JsonNode) => readonly JsonNode[]) => {
  const find = finder(path, looseStep);
  return (document) => find(document) ?? [];
};

function finder({ parts }: FieldPath, stepOf: typeof exactStep): Finder {
  const steps = parts.map((part) => (part.kind === 'any-depth' ? null : stepOf(part)));
  return (document) => {
    const found: JsonNode[] = [];
    return collect(steps, document, 0, true, found) ? found : null;
  };
}

/** @returns whether what was found is certain */
function collect(
  steps: readonly (Step | null)[],
  node: JsonNode,
  at: number,
  wanted: boolean,
  found: JsonNode[],
): boolean {
  const step = steps[at];
  if (step === undefined) {
    found.push(node);
    return true;
  }
  if (step === null) return atAnyDepth(steps, node, at, found);
  if (node.kind === 'array') return node.items.every((item) => collect(steps, item, at, wanted, found));
  if (node.kind !== 'object') return !wanted;
  const values = step(node.members, wanted);
  return values?.every((value) => collect(steps, value, at + 1, wanted, found)) ?? false;
}

function atAnyDepth(steps: readonly (Step | null)[], node: JsonNode, at: number, found: JsonNode[]): boolean {
  const below = node.kind === 'array' ? node.items : node.kind === 'object' ? [...node.members.values()] : [];
  // Behind the last part stand all that have nothing below them.
  const here = at + 1 === steps.length && below.length > 0 ? true : collectHere(steps, node, at, found);
  return here && below.every((value) => atAnyDepth(steps, value, at, found));
}

/** An array's items are looked at on their own. */
const collectHere = (
  steps: readonly (Step | null)[],
  node: JsonNode,
  at: number,
  found: JsonNode[],
): boolean => (node.kind === 'array' && node.items.length > 0) || collect(steps, node, at + 1, false, found);
