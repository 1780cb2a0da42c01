import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Running } from '../console/cli.ts';

/** What the log says each time that policies were read. */
const policiesRead = '"msg":"(?:policies are in force|the new policies are broken)';

/** Writes another policy and waits until the gateway has taken or refused it. */
export async function replacePolicy(folder: string, up: Running, text: string): Promise<void> {
  const reads = up.errorOutput.match(new RegExp(policiesRead, 'g'))?.length ?? 0;
  await writeFile(join(folder, 'policy.yaml'), text);
  await up.untilError(new RegExp(`(?:${policiesRead}[^]*?){${reads + 1}}`));
}
