import { firstRestartMs, longestRestartMs } from './limits.ts';

/**
 * How long to wait before the next start, when there were `deaths` in a row. Between half of the doubled wait and the
 * whole, so that gateways that fell together do not rise together.
 *
 * @param random from 0 to 1
 */
export function restartDelayMs(deaths: number, random: number): number {
  const wholeMs = Math.min(longestRestartMs, firstRestartMs * 2 ** (deaths - 1));
  return (wholeMs / 2) * (1 + random);
}
