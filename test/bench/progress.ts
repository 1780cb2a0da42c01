/** One line on standard error for whatever takes over a second, so that standard output is the results alone. */
const beganMs = performance.now();

export function progress(text: string): void {
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${text}\n`);
}
