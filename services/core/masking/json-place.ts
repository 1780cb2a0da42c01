import type { PathNode } from './json-path.ts';
import { unreadable } from './json-tokens.ts';
import type { JsonMask } from './json-values.ts';
import { maxJsonDepth } from './limits.ts';

type Expected =
  | 'value'
  /** After `[`. */
  | 'value-or-close'
  /** After `{`. */
  | 'key-or-close'
  /** After a comma in an object. */
  | 'key'
  | 'colon'
  | 'comma-or-close';

interface Container {
  readonly isObject: boolean;
  /** Of the elements of an array; of an object, the place from which its keys lead on. */
  readonly node: PathNode<JsonMask>;
  /** Of the elements of an array that is masked itself. */
  readonly mask: JsonMask | null;
}

/** Where in a document one stands while it is read: what may come next by RFC 8259, and which paths lead here. */
export class JsonPlace {
  /** Of the value that comes next. */
  node: PathNode<JsonMask>;
  mask: JsonMask | null;
  readonly #root: PathNode<JsonMask>;
  readonly #containers: Container[] = [];
  #expected: Expected = 'value';

  constructor(root: PathNode<JsonMask>) {
    this.#root = root;
    this.node = root;
    this.mask = root.mask;
  }

  /** How many objects and arrays are open here. */
  get depth(): number {
    return this.#containers.length;
  }

  /** Where the keys of the object lead from that is open here. */
  get parent(): PathNode<JsonMask> {
    return this.#containers.at(-1)?.node ?? this.#root;
  }

  get expectsKey(): boolean {
    return this.#expected === 'key' || this.#expected === 'key-or-close';
  }

  wantValue(): void {
    if (this.#expected !== 'value' && this.#expected !== 'value-or-close') {
      unreadable('a value is out of place');
    }
  }

  open(isObject: boolean): void {
    this.wantValue();
    if (this.#containers.length >= maxJsonDepth) unreadable(`it has more than ${maxJsonDepth} levels`);
    this.#containers.push({ isObject, node: this.node, mask: this.mask });
    this.#expected = isObject ? 'key-or-close' : 'value-or-close';
  }

  close(isObject: boolean): void {
    const isEmpty = this.#expected === (isObject ? 'key-or-close' : 'value-or-close');
    const fits = this.#containers.at(-1)?.isObject === isObject;
    if (!fits || !(isEmpty || this.#expected === 'comma-or-close')) unreadable('a bracket is out of place');
    this.#containers.pop();
    this.afterValue();
  }

  comma(): void {
    const container = this.#containers.at(-1);
    if (container === undefined || this.#expected !== 'comma-or-close') unreadable('a comma is out of place');
    if (container.isObject) {
      this.#expected = 'key';
    } else {
      this.node = container.node;
      this.mask = container.mask;
      this.#expected = 'value';
    }
  }

  colon(): void {
    if (this.#expected !== 'colon') unreadable('a colon is out of place');
    this.#expected = 'value';
  }

  afterKey(key: string): void {
    this.node = this.parent.step(key);
    this.mask = this.node.mask;
    this.#expected = 'colon';
  }

  /** After a key behind which no path goes on. */
  afterDeadKey(): void {
    this.node = this.parent;
    this.mask = null;
    this.#expected = 'colon';
  }

  afterValue(): void {
    if (this.#containers.length > 0) {
      this.#expected = 'comma-or-close';
    } else {
      this.node = this.#root;
      this.mask = this.#root.mask;
      this.#expected = 'value';
    }
  }
}
