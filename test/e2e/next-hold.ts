import { once } from 'node:events';
import type { Running } from '../console/cli.ts';

/** The id of the nth hold (from 1) for which a request waits, as the gateway logs it; once it does. */
export async function nextHold(up: Running, nth: number): Promise<string> {
  for (;;) {
    const found = [...up.errorOutput.matchAll(/"hold":"([^"]+)"[^\n]*waits for approval/g)][nth - 1];
    if (found?.[1] !== undefined) return found[1];
    await once(up.process.stderr ?? up.process, 'data');
  }
}
