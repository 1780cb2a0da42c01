import { RedisApprovals } from '../../core/approvals/store/redis.ts';
import { GatewayIdentity } from '../../core/identity/identity.ts';
import { systemClock } from '../../core/model/clock.ts';
import { messageOf } from '../../core/model/errors.ts';
import { newHoldId, type TargetName } from '../../core/model/ids.ts';
import type { Logger } from '../../core/model/log.ts';
import type { Problem, ValuePath } from '../../core/model/problem.ts';
import type { TargetSettings } from '../../core/model/settings.ts';
import { maskingKey } from '../../masking-key.ts';
import type { Protocol, UnmatchedPattern, UsedPattern } from '../../protocols/protocol.ts';
import type { WholeConfig } from './config-files.ts';

export interface OnlineCheck {
  readonly problems: readonly Problem[];
  /** What was reached: `target shop`, `issuer company`, `Redis`. */
  readonly reached: readonly string[];
}

/** What one place gave when it was asked. */
interface Asked {
  readonly name: string;
  readonly reached: boolean;
  readonly problems: readonly Problem[];
}

interface AskedTarget extends Asked {
  readonly target: TargetName;
  /** What is wrong with each pattern that policies use on it. */
  readonly unmatched: ReadonlyMap<string, UnmatchedPattern>;
}

/** Reaches every target, issuer and Redis of the config, and looks for what policies name and nobody has. */
export async function checkOnline(
  config: WholeConfig,
  protocols: readonly Protocol[],
  log: Logger,
): Promise<OnlineCheck> {
  const [targets, issuers, redis] = await Promise.all([
    Promise.all(
      config.settings.targets.map((target, index) => askTarget(config, target, index, protocols, log)),
    ),
    askIssuers(config, log),
    askRedis(config, log),
  ]);
  const asked: readonly Asked[] = [...targets, ...issuers, ...redis];
  return {
    problems: [...asked.flatMap(({ problems }) => problems), ...unmatchedPatterns(config, targets)],
    reached: asked.filter(({ reached }) => reached).map(({ name }) => name),
  };
}

const problemAt = (
  { document }: WholeConfig,
  path: ValuePath,
  severity: Problem['severity'],
  message: string,
): Problem => ({
  severity,
  file: document?.file ?? '',
  ...(document?.locate(path) ?? { line: 1, column: 1 }),
  message,
});

async function askTarget(
  config: WholeConfig,
  { name, protocol: protocolName, settings }: TargetSettings,
  index: number,
  protocols: readonly Protocol[],
  log: Logger,
): Promise<AskedTarget> {
  const protocol = protocols.find((each) => each.name === protocolName);
  const asked = { name: `target ${name}`, target: name };
  const path = ['targets', index, 'name'];
  if (protocol === undefined) return { ...asked, reached: false, problems: [], unmatched: new Map() };
  try {
    const analyst = await protocol.createAnalyst(name, settings, log, null);
    try {
      await analyst.reach();
      const uses = config.policies.patterns.filter(({ targets }) => targets.includes(name));
      const unmatched = analyst
        .unmatched(uses)
        .map((each): [string, UnmatchedPattern] => [usedText(each.used), each]);
      const inTarget = await askForMasking(config, name, protocol, settings);
      return {
        name: `${asked.name}${inTarget.note}`,
        target: name,
        reached: true,
        problems: inTarget.faults.map((message) =>
          problemAt(config, path, 'error', `target ${name}: ${message}`),
        ),
        unmatched: new Map(unmatched),
      };
    } finally {
      await analyst.close();
    }
  } catch (error) {
    return {
      ...asked,
      reached: false,
      problems: [problemAt(config, path, 'error', `target ${name}: cannot be reached: ${messageOf(error)}`)],
      unmatched: new Map(),
    };
  }
}

/** What the target itself does for the masks that are on it. */
async function askForMasking(
  { policySet, settings: { gateway } }: WholeConfig,
  name: TargetName,
  protocol: Protocol,
  settings: unknown,
): Promise<{ readonly note: string; readonly faults: readonly string[] }> {
  const sets = policySet.possibleObligations(name);
  const isMasked = sets?.some(({ masks }) => masks.length > 0) ?? true;
  if (protocol.createMaskInstaller === undefined || !isMasked) return { note: '', faults: [] };
  if (sets === null) return { note: '', faults: [tooManyMaskSets] };
  const installer = await protocol.createMaskInstaller(name, settings, sets, () =>
    maskingKey(gateway.stateDir),
  );
  if (installer === null) return { note: ' (masks on the wire alone)', faults: [] };
  const faults = installer.status.sets.flatMap(({ name: ring, state }) =>
    state === 'installed'
      ? []
      : [`its masking ring ${ring} is ${state}; see "sallyport masking status ${name}"`],
  );
  const rings = installer.status.sets.length;
  return { note: ` (masks in ${rings === 1 ? 'a ring' : `${rings} rings`} of its own)`, faults };
}

export const tooManyMaskSets = 'its policies could put too many different sets of masks together';

const usedText = ({ condition, pattern }: UsedPattern): string => `${condition}: ${pattern}`;

/** A pattern that is meant for several targets is wrong when none of them knows it; that takes all of them to be known. */
function unmatchedPatterns(config: WholeConfig, targets: readonly AskedTarget[]): readonly Problem[] {
  return config.policies.patterns.flatMap(({ file, line, column, condition, pattern, targets: meant }) => {
    const asked = meant.map((name) => targets.find(({ target, reached }) => target === name && reached));
    const found = asked.map((each) => each?.unmatched.get(usedText({ condition, pattern })));
    const [first] = found;
    if (first === undefined || found.includes(undefined)) return [];
    const where = meant.length > 1 ? ` (nor has any other of ${meant.join(', ')})` : ` (target ${meant[0]})`;
    return [{ severity: 'error', file, line, column, message: `${first.message}${where}` }];
  });
}

async function askIssuers(config: WholeConfig, log: Logger): Promise<readonly Asked[]> {
  const { identity } = config.settings;
  const reports = await new GatewayIdentity(identity, systemClock, log).check();
  return reports.map(({ issuer, url, problems }) => {
    const index = identity.issuers.findIndex((each) => each.url === url);
    return {
      name: `issuer ${issuer}`,
      reached: !problems.some(({ severity }) => severity === 'error'),
      problems: problems.map(({ severity, message }) =>
        problemAt(config, ['identity', 'issuers', index, 'url'], severity, `issuer ${issuer}: ${message}`),
      ),
    };
  });
}

async function askRedis(config: WholeConfig, log: Logger): Promise<readonly Asked[]> {
  const { redisUrl, maxOpenPerPrincipal } = config.settings.approvals;
  if (redisUrl === null) return [];
  try {
    const approvals = await RedisApprovals.start({
      url: redisUrl,
      maxOpenPerPrincipal,
      clock: systemClock,
      log,
    });
    try {
      // Any question will do; nobody has this hold.
      await approvals.show(newHoldId());
      return [{ name: 'Redis', reached: true, problems: [] }];
    } finally {
      await approvals.close();
    }
  } catch (error) {
    const message = `Redis cannot be used: ${messageOf(error)}`;
    return [
      {
        name: 'Redis',
        reached: false,
        problems: [problemAt(config, ['approvals', 'redis'], 'error', message)],
      },
    ];
  }
}
