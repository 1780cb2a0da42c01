import { type Alias, isAlias, isMap, isScalar, isSeq, type ParsedNode } from 'yaml';
import type { ValuePath } from '../model/problem.ts';
import { maxDepth, maxShownCharacters, maxValues } from './limits.ts';
import type { YamlFault } from './yaml-syntax.ts';

type Parsed = ParsedNode | null;

/** What stands at a path: its key, when it has one, and the value itself, or the alias that stands for it. */
interface Entry {
  readonly key: ParsedNode | null;
  readonly value: Parsed;
}

/** A parsed file as plain values, which still knows where each of them stood. */
export class YamlTree {
  readonly #root: Parsed;
  readonly #anchored = new Map<Alias, ParsedNode>();
  readonly #faults: YamlFault[] = [];
  #values = 0;

  constructor(root: Parsed) {
    this.#root = root;
    this.#survey(root, new Map());
  }

  /** What YAML allows and we do not, after `plain` also what it could not follow. */
  get faults(): readonly YamlFault[] {
    return this.#faults;
  }

  /** Objects, lists, texts, numbers, booleans and null. */
  plain(): unknown {
    return this.#plain(this.#root, 0);
  }

  /** Where the value at the path begins, or the key of an empty one, or the nearest parent that is there. */
  offsetOfValue(path: ValuePath): number {
    const { key, value } = this.#find(path).entry;
    // An empty value has no place of its own that anybody would recognise.
    const empty = isScalar(value) && value.source === '' && value.value === null;
    return startOf(empty ? (key ?? value) : (value ?? key));
  }

  /** Where the key at the path begins; an item of a list has none, so the item itself. */
  offsetOfKey(path: ValuePath): number {
    const { key, value } = this.#find(path).entry;
    return startOf(key ?? value);
  }

  has(path: ValuePath): boolean {
    return this.#find(path).whole;
  }

  #find(path: ValuePath): { readonly entry: Entry; readonly whole: boolean } {
    let entry: Entry = { key: null, value: this.#root };
    for (const step of path) {
      const next = this.#child(this.#followed(entry.value), step);
      if (next === null) return { entry, whole: false };
      entry = next;
    }
    return { entry, whole: true };
  }

  #child(node: Parsed, step: string | number): Entry | null {
    if (isSeq<ParsedNode>(node)) {
      const value = typeof step === 'number' ? node.items[step] : undefined;
      return value === undefined ? null : { key: null, value };
    }
    if (!isMap<ParsedNode, Parsed>(node)) return null;
    // The last of a repeated key is the one that counts in `plain`.
    const pair = node.items.findLast(({ key }) => keyText(key) === String(step));
    return pair === undefined ? null : { key: pair.key, value: pair.value };
  }

  #followed(node: Parsed): Parsed {
    let here = node;
    for (let links = 0; isAlias(here) && links < maxDepth; links += 1)
      here = this.#anchored.get(here) ?? null;
    return here;
  }

  /** In the order of the text, in which an alias means the last anchor of its name before it. */
  #survey(node: Parsed, anchors: Map<string, ParsedNode>): void {
    if (node === null) return;
    if (isAlias(node)) {
      const anchored = anchors.get(node.source);
      if (anchored === undefined) this.#fault(node, unknownAnchor);
      else this.#anchored.set(node, anchored);
      return;
    }
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (isSeq<ParsedNode>(node)) for (const item of node.items) this.#survey(item, anchors);
    if (isMap<ParsedNode, Parsed>(node)) {
      const keys = new Set<string>();
      for (const { key, value } of node.items) {
        this.#survey(key, anchors);
        this.#checkKey(key, keys);
        this.#survey(value, anchors);
      }
    }
    if (isScalar(node) && typeof node.value === 'number') this.#checkNumber(node, node.value);
  }

  #checkKey(key: ParsedNode, keys: Set<string>): void {
    const text = keyText(key);
    if (keys.has(text)) this.#fault(key, `The key ${shownKey(text)} stands in this section already.`);
    keys.add(text);
    if (text === '<<') this.#fault(key, mergeMessage);
    // As a key of an object it would be its prototype, and what is inherited is not what was written.
    if (text === '__proto__') this.#fault(key, 'The key "__proto__" is not used here.');
  }

  #checkNumber(node: ParsedNode, value: number): void {
    if (!Number.isFinite(value)) this.#fault(node, 'Infinity and NaN are not numbers here.');
    else if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      this.#fault(node, 'This number has more digits than can be kept. Quote it if it is text.');
    }
  }

  /** @param via the alias that led here, the outermost of them: what is wrong with following it is told there */
  #plain(node: Parsed, depth: number, via: Parsed = null): unknown {
    this.#values += 1;
    if (node === null || this.#values > maxValues) {
      if (this.#values === maxValues + 1) this.#fault(via ?? node, tooManyValues);
      return null;
    }
    if (depth > maxDepth) {
      this.#fault(via ?? node, tooDeepAlias);
      return null;
    }
    if (isAlias(node)) return this.#plain(this.#anchored.get(node) ?? null, depth + 1, via ?? node);
    if (isSeq<ParsedNode>(node)) return node.items.map((item) => this.#plain(item, depth + 1, via));
    if (isScalar(node)) return node.value;
    const object: Record<string, unknown> = {};
    for (const { key, value } of node.items) {
      const text = keyText(key);
      if (text !== '__proto__') object[text] = this.#plain(value, depth + 1, via);
    }
    return object;
  }

  #fault(node: Parsed, message: string): void {
    this.#faults.push({ offset: startOf(node), message });
  }
}

/** The parser refuses keys that are anything but text. */
const keyText = (key: ParsedNode): string => (isScalar(key) ? String(key.value) : '');

const startOf = (node: Parsed): number => node?.range[0] ?? 0;

export function shownKey(key: string): string {
  const cut = key.length > maxShownCharacters ? `${key.slice(0, maxShownCharacters)}…` : key;
  return JSON.stringify(cut);
}

const unknownAnchor = 'No anchor of this name stands above. Text that begins with * must be quoted.';
const mergeMessage = 'Merge keys (<<) are not part of YAML 1.2, and not used here: write the keys out.';
const tooManyValues = `With its aliases followed, the file has more than ${maxValues} values, which is the limit.`;
const tooDeepAlias = `Following this alias leads more than ${maxDepth} lists and sections deep, or in a circle.`;
