/**
 * Whether a name such as `SecretAccessKey` stands beside the values of a JSON document that come: as a key before them (and all that is in an
 * object behind it), or as a text in the same object or list, as in `{"name": "AWS_SECRET_ACCESS_KEY", "value": "..."}`.
 */
export class SecretNearby {
  /** Of the object or list in which the name stands; 0 where there is none. */
  #depth = 0;
  #isKey = false;

  get isNear(): boolean {
    return this.#depth > 0;
  }

  /** @param depth of the object that the key is in */
  key(depth: number, isName: boolean): void {
    if (this.#isKey && depth <= this.#depth) this.#depth = 0;
    if (!isName || this.isNear) return;
    this.#depth = depth;
    this.#isKey = true;
  }

  /** A name as a value, in the object or list of this depth. */
  text(depth: number): void {
    if (this.isNear && this.#depth < depth) return;
    this.#depth = depth;
    this.#isKey = false;
  }

  /** @param depth of what is still open */
  closed(depth: number): void {
    if (depth < this.#depth) this.#depth = 0;
  }
}
