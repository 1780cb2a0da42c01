/** Times as ISO 8601 in UTC. toISOString costs 0.8 µs; within one second only the milliseconds change. */
export class IsoTime {
  #second = Number.NaN;
  #text = '';

  at(timeMs: number): string {
    const whole = Math.trunc(timeMs);
    const second = Math.floor(whole / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
    }
    return `${this.#text}${String(whole - second * 1000).padStart(3, '0')}Z`;
  }
}
