/**
 * `customer.plan`, `items[*].sku`, `**.ssn`, `labels."a.b/c"`: which values of a JSON body a rule is about, written as in masks. Items of an
 * array belong to the field that holds it.
 */

import { type JsonPath, type PathSegment, parseJsonPath } from '../../core/masking/json-path.ts';
import { InvariantError } from '../../core/model/errors.ts';
import { globMatcher } from '../requests/glob.ts';
import type { JsonNode } from './json-text.ts';

export type FieldPath = JsonPath;
type Part = Exclude<PathSegment, { kind: 'any-depth' }>;

/** @returns what is wrong with it, in a sentence, when it is no path that a rule can be about */
export function parseFieldPath(text: string): FieldPath | { readonly fault: string } {
  const path = parseJsonPath(text);
  if ('fault' in path) return path;
  if (path.segments.filter(({ kind }) => kind === 'any-depth').length > 1) {
    return { fault: `"${text}" has ** twice, and once is enough to find a field at any depth` };
  }
  return path;
}

/** @throws InvariantError when it is none: the schemas of conditions refuse such */
export function fieldPath(text: string): FieldPath {
  const path = parseFieldPath(text);
  if ('fault' in path) throw new InvariantError(path.fault);
  return path;
}

/** Whether the path names a place exactly. */
export function namesOf({ segments }: FieldPath): (place: readonly string[]) => boolean {
  const deep = segments.findIndex(({ kind }) => kind === 'any-depth');
  const matchers = segments.flatMap((each) => (each.kind === 'any-depth' ? [] : [exactMatcher(each)]));
  const before = deep < 0 ? matchers : matchers.slice(0, deep);
  const after = deep < 0 ? [] : matchers.slice(deep);
  return (place) => {
    if (deep < 0 ? place.length !== before.length : place.length < matchers.length) return false;
    const end = place.slice(place.length - after.length);
    return (
      before.every((matches, index) => matches(place[index] ?? '')) &&
      after.every((matches, index) => matches(end[index] ?? ''))
    );
  };
}

const exactMatcher = (part: Part): ((name: string) => boolean) =>
  part.kind === 'glob' ? globMatcher(part.glob) : (name) => name === part.name;

/**
 * All that servers fold when they look for a field: case (Go, Jackson, .NET; Go even ſ and K), and `user_id` for `userId` (protobuf's JSON,
 * Jackson). Two names that are one here are one field to some.
 */
const loose = (name: string): string =>
  name.normalize('NFKC').toUpperCase().toLowerCase().replaceAll(/[_-]/g, '');

type Members = ReadonlyMap<string, JsonNode>;

/** Members by their loose names. Many rules look at one body, which may have many members. */
const looseMembers = new WeakMap<Members, ReadonlyMap<string, readonly (readonly [string, JsonNode])[]>>();

function looselyNamed(members: Members): ReadonlyMap<string, readonly (readonly [string, JsonNode])[]> {
  let known = looseMembers.get(members);
  if (known === undefined) {
    known = Map.groupBy(members, ([name]) => loose(name));
    looseMembers.set(members, known);
  }
  return known;
}

/** Members that a server could take for the one that is named, or for one of them. */
function alikeOf(part: Part): (members: Members) => readonly (readonly [string, JsonNode])[] {
  if (part.kind === 'name') {
    const wanted = loose(part.name);
    return (members) => looselyNamed(members).get(wanted) ?? [];
  }
  const matches = globMatcher(loose(part.glob));
  return (members) => [...looselyNamed(members)].flatMap(([name, alike]) => (matches(name) ? alike : []));
}

/** The members that a part of the path is about; null when that is not certain. */
type Step = (members: Members, wanted: boolean) => readonly JsonNode[] | null;

const exactStep = (part: Part): Step => {
  const matches = exactMatcher(part);
  const alike = alikeOf(part);
  return (members, wanted) => {
    const found = alike(members);
    if (found.some(([name]) => !matches(name))) return null;
    if (wanted && part.kind === 'name' && found.length === 0) return null;
    return found.map(([, value]) => value);
  };
};

const looseStep = (part: Part): Step => {
  const alike = alikeOf(part);
  return (members) => alike(members).map(([, value]) => value);
};

/** The values at a path, arrays among them; null when some are not certain. */
export type Finder = (document: JsonNode) => readonly JsonNode[] | null;

/** For rules that allow: every value that the path is about, by its exact name, with nothing beside it that a server could take for it. */
export const certainValues = (path: FieldPath): Finder => finder(path, exactStep);

/** For rules that deny or hold: whatever a server could take for such a value. */
export const possibleValues = (path: FieldPath): ((document: JsonNode) => readonly JsonNode[]) => {
  const find = finder(path, looseStep);
  return (document) => find(document) ?? [];
};

function finder({ segments }: FieldPath, stepOf: typeof exactStep): Finder {
  const steps = segments.map((each) => (each.kind === 'any-depth' ? null : stepOf(each)));
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
