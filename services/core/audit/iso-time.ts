/** Times as ISO 8601 in UTC. toISOString costs 0.8 µs; within one second only the milliseconds change. */
export class IsoTime {
  #ms = Number.NaN;
  #text = '';
  #second = Number.NaN;
  #secondText = '';

  at(timeMs: number): string {
    const ms = Math.trunc(timeMs);
    if (ms === this.#ms) return this.#text;
    const second = Math.floor(ms / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
    }
    this.#ms = ms;
    this.#text = `${this.#secondText}${String(ms - second * 1000).padStart(3, '0')}Z`;
    return this.#text;
  }
}
