import { z } from 'zod';
import type { Effect } from '../../core/model/action.ts';
import type { Mask, RuleOutcome } from '../../core/model/decision.ts';
import type { EffectCondition, PolicyWords } from '../protocol.ts';
import { globMatcher } from '../requests/glob.ts';
import { commandMatcher, commandPatternFault, shellOpaqueReasons } from '../shell/index.ts';
import { isAboutAllNamespaces, type KubernetesEffect, type Power, powers, verbs } from './effect.ts';
import { maxPatternCharacters } from './limits.ts';
import { isAbout, parseMaskField } from './mask-field.ts';
import {
  type ResourcePattern,
  readResourcePattern,
  resourceMatcher,
  resourcePatternFault,
} from './resource-pattern.ts';
import { streamOpaqueReasons } from './streams/request.ts';

/** Effects of this protocol come from its own reading of requests. */
const asKubernetes = (effect: Effect): KubernetesEffect => effect as KubernetesEffect;

const patterns = z.array(z.string().min(1).max(maxPatternCharacters)).min(1);

const matchesOne = (matchers: readonly ((text: string) => boolean)[], text: string): boolean =>
  matchers.some((matches) => matches(text));

const resourcePatterns = z
  .array(
    z.string().superRefine((text, context) => {
      const fault = resourcePatternFault(text);
      if (fault !== null) context.addIssue({ code: 'custom', message: fault });
    }),
  )
  .min(1);

const resources: EffectCondition = {
  schema: resourcePatterns,
  compile(value: unknown, outcome: RuleOutcome) {
    const wanted: readonly ResourcePattern[] = resourcePatterns.parse(value).map(readResourcePattern);
    const matches = resourceMatcher(wanted, outcome);
    return (effect) => matches(asKubernetes(effect));
  },
};

/** An allow rule covers what is in these namespaces alone. To deny or hold it is enough to be about all of them. */
const namespaces: EffectCondition = {
  schema: patterns,
  compile(value: unknown, outcome: RuleOutcome) {
    const matchers = patterns.parse(value).map(globMatcher);
    return (effect) => {
      const { namespace } = asKubernetes(effect);
      if (namespace !== '') return matchesOne(matchers, namespace);
      return outcome !== 'allow' && isAboutAllNamespaces(asKubernetes(effect));
    };
  },
};

/** Without a name an effect is about any of them: not covered by an allow rule, and met by one that denies or holds. */
const names: EffectCondition = {
  schema: patterns,
  compile(value: unknown, outcome: RuleOutcome) {
    const matchers = patterns.parse(value).map(globMatcher);
    return (effect) => {
      const { name, verb, facts } = asKubernetes(effect);
      if (name !== '') return matchesOne(matchers, name);
      // A new object's name stands in it, which is not read yet.
      if (facts === null) return outcome !== 'deny';
      return outcome !== 'allow' && verb !== 'discover';
    };
  },
};

/*
 * Before the target was asked (`facts` is null) nothing is decided but whether a request is refused in any case: what is not known yet may turn out to be
 * what a rule allows or holds, and is not what one denies.
 */

const labelPatterns = z.record(
  z.string().min(1).max(maxPatternCharacters),
  z.union([z.string().max(maxPatternCharacters), patterns]),
);

/**
 * Labels that every object has which the request is about: as it is, and as it would be. A list has those that its selector asks for. One label
 * of one object is enough to deny or hold, and so is not knowing them.
 */
const labels: EffectCondition = {
  schema: labelPatterns,
  compile(value: unknown, outcome: RuleOutcome) {
    const wanted = Object.entries(labelPatterns.parse(value)).map(([key, written]) => ({
      key,
      matchers: (typeof written === 'string' ? [written] : written).map(globMatcher),
    }));
    const met = (found: ReadonlyMap<string, string>): boolean =>
      wanted.every(({ key, matchers }) => {
        const text = found.get(key);
        return text !== undefined && matchesOne(matchers, text);
      });
    const contradicted = (found: ReadonlyMap<string, string>): boolean =>
      wanted.some(({ key, matchers }) => {
        const text = found.get(key);
        return text !== undefined && !matchesOne(matchers, text);
      });
    return (effect) => {
      const { facts } = asKubernetes(effect);
      if (facts === null) return outcome !== 'deny';
      switch (facts.labels.kind) {
        case 'known': {
          const { objects } = facts.labels;
          return outcome === 'allow' ? objects.length > 0 && objects.every(met) : objects.some(met);
        }
        case 'selected':
          return outcome === 'allow' ? met(facts.labels.equal) : !contradicted(facts.labels.equal);
        case 'unknown':
          return outcome !== 'allow';
        case 'none':
          return false;
      }
    };
  },
};

/** Of all containers that there would be: all of them to allow, one of them to deny or hold. */
const images: EffectCondition = {
  schema: patterns,
  compile(value: unknown, outcome: RuleOutcome) {
    const matchers = patterns.parse(value).map(globMatcher);
    return (effect) => {
      const { facts } = asKubernetes(effect);
      if (facts === null) return outcome !== 'deny';
      const met = (image: string): boolean => matchesOne(matchers, image);
      return outcome === 'allow' ? facts.images.every(met) : facts.images.some(met);
    };
  },
};

const dryRun: EffectCondition = {
  schema: z.boolean(),
  compile: (value: unknown) => (effect) => asKubernetes(effect).dryRun === value,
};

/** Whether anything would be another than it is. */
const changes: EffectCondition = {
  schema: z.boolean(),
  compile(value: unknown, outcome: RuleOutcome) {
    return (effect) => {
      const { facts } = asKubernetes(effect);
      return facts === null ? outcome !== 'deny' : facts.changes === value;
    };
  },
};

const powerList = z.array(z.enum(powers)).min(1);

const powersOf: EffectCondition = {
  schema: powerList,
  compile(value: unknown) {
    const wanted: readonly Power[] = powerList.parse(value);
    return (effect) => {
      const { power } = asKubernetes(effect);
      return power !== null && wanted.includes(power);
    };
  },
};

const commandPatterns = z
  .array(
    z
      .string()
      .max(maxPatternCharacters)
      .superRefine((text, context) => {
        const fault = commandPatternFault(text);
        if (fault !== null) context.addIssue({ code: 'custom', message: fault });
      }),
  )
  .min(1);

/** What does nothing but to the shell that reads it (`cd`, `test`) needs no rule of its own. */
const commands: EffectCondition = {
  schema: commandPatterns,
  compile(value: unknown, outcome: RuleOutcome) {
    const matchers = commandPatterns.parse(value).map((pattern) => commandMatcher(pattern, outcome));
    return (effect) => {
      const { command } = asKubernetes(effect);
      if (command === null) return false;
      return (outcome === 'allow' && command.builtin) || matchers.some((matches) => matches(command));
    };
  },
};

/** What is written for each condition of a rule. */
export interface KubernetesConditions {
  /** `pods`, `pods/log`, `deployments.apps`, `*.apps`, `*` */
  readonly resources: readonly string[];
  /** `dev`, `team-*` */
  readonly namespaces: readonly string[];
  /** `web`, `web-*` */
  readonly names: readonly string[];
  /** `{app: web, tier: [front, back]}` */
  readonly labels: Readonly<Record<string, string | readonly string[]>>;
  /** `registry.example/*` */
  readonly images: readonly string[];
  readonly dryRun: boolean;
  readonly changes: boolean;
  /** With the effect `escape`. */
  readonly powers: readonly Power[];
  /** With the effect `exec`: `ls`, `git status`, `cat /var/log/**` */
  readonly commands: readonly string[];
}

/** A JSON patch copies values from one place to another, and tests what they are. */
function readsMasked({ fields }: Mask, { movesValues, group, type }: KubernetesEffect): boolean {
  if (!movesValues) return false;
  return fields.some((text) => {
    const field = parseMaskField(text);
    return !('fault' in field) && isAbout(field, group, type);
  });
}

export const kubernetesPolicy: PolicyWords = {
  verbs,
  opaqueReasons: [...shellOpaqueReasons, ...streamOpaqueReasons],
  conditions: {
    resources,
    namespaces,
    names,
    labels,
    images,
    dryRun,
    changes,
    powers: powersOf,
    commands,
  } satisfies Readonly<Record<keyof KubernetesConditions, EffectCondition>>,
  guesses: (masks, effect) => (masks.some((mask) => readsMasked(mask, asKubernetes(effect))) ? Infinity : 0),
  masksDerived: true,
  returnsDerived: () => false,
  fieldProblem: (pattern) => {
    const field = parseMaskField(pattern);
    return 'fault' in field ? field.fault : null;
  },
  readsAnswers: true,
  countsRows: false,
};
