/** Levenshtein's distance: how many characters must be put in, taken out or changed. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

/** The word that was probably meant; null when none is near. */
export function nearest(word: string, words: Iterable<string>): string | null {
  // A third of the letters wrong is a typing mistake; more is another word.
  let best = Math.max(2, Math.floor(word.length / 3)) + 1;
  let found: string | null = null;
  // No word of ours is longer than a name may be, and the cost is quadratic.
  const wanted = word.slice(0, 100).toLowerCase();
  for (const candidate of words) {
    const away = distance(wanted, candidate.toLowerCase());
    if (away < best && away < candidate.length) {
      best = away;
      found = candidate;
    }
  }
  return found;
}

/** ` (did you mean "select"?)`, or what there is, or nothing when there is too much to list. */
export function suggestion(word: string, words: readonly string[]): string {
  const near = nearest(word, words);
  if (near !== null) return `; did you mean "${near}"?`;
  // A list that fits on a line helps; a longer one hides the mistake.
  return words.length > 0 && words.length <= 12 ? `; known are ${words.join(', ')}` : '';
}
