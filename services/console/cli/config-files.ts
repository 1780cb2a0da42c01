import { systemClock } from '../../core/model/clock.ts';
import type { Settings } from '../../core/model/settings.ts';
import type { PolicySet } from '../../core/policy/policy-set.ts';
import { type GatewayFiles, loadGatewayFiles } from '../../gateway-files.ts';
import type { Protocol } from '../../protocols/protocol.ts';
import { CliError } from './errors.ts';
import { hasError, problemCount, problemLine } from './problem-line.ts';
import { onError, waitingFor } from './screen.ts';

export const readConfig = (file: string, protocols: readonly Protocol[]): Promise<GatewayFiles> =>
  waitingFor(
    'Reading the config and its policies',
    loadGatewayFiles(file, { protocols, env: process.env, clock: systemClock }),
  );

export interface WholeConfig extends GatewayFiles {
  readonly settings: Settings;
  readonly policySet: PolicySet;
}

/** A config without errors; warnings are `check`'s to tell. @throws CliError `config` with all that is wrong */
export async function wholeConfig(file: string, protocols: readonly Protocol[]): Promise<WholeConfig> {
  const files = await readConfig(file, protocols);
  const { settings, problems } = files;
  const policySet = files.policies.policies;
  if (settings === null || policySet === null || hasError(problems)) {
    const details = problems
      .filter(({ severity }) => severity === 'error')
      .map((problem) => problemLine(problem, onError));
    throw new CliError('config', `${file} cannot be used: ${problemCount(problems)}`, null, { details });
  }
  return { ...files, settings, policySet };
}
