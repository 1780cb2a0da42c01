const units = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** `12 min`: in the largest unit that fits, which is as exactly as a person reads it. */
export function durationText(ms: number): string {
  const [unitMs, unit] = units.find(([each]) => ms >= each) ?? [1_000, 's'];
  return `${Math.floor(ms / unitMs)} ${unit}`;
}

/** `in 12 min`, `3 h ago` */
export function fromNow(iso: string, nowMs: number): string {
  const ms = Date.parse(iso) - nowMs;
  return ms >= 0 ? `in ${durationText(ms)}` : `${durationText(-ms)} ago`;
}

/** `2026-07-15 10:00:07`, in UTC as everywhere in trail and transcripts. */
export const shortTime = (iso: string): string => iso.slice(0, 19).replace('T', ' ');
