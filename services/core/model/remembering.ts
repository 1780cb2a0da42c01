/**
 * Gives again what `find` gave before for the same text, for texts that come again and again: source addresses, names of headers. `find` must
 * depend on nothing else. Of more than `max` texts it begins anew, so that a client that sends ever new ones costs what it cost without.
 */
export function remembering<Result>(max: number, find: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, Result>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const found = find(text);
    if (known.size >= max) known.clear();
    known.set(text, found);
    return found;
  };
}
