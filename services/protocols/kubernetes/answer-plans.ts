import type { KeyObject } from 'node:crypto';
import { detectorName } from '../../core/masking/detectors.ts';
import { compilePaths } from '../../core/masking/json-path.ts';
import { jsonMask } from '../../core/masking/json-values.ts';
import { ValueScanner } from '../../core/masking/scan.ts';
import { strictness, transformName } from '../../core/masking/transform-names.ts';
import type { Obligations } from '../../core/model/decision.ts';
import type { AnswerMasks, AnswerPlan } from '../requests/answer-plan.ts';
import { maxAnswerPlans } from './limits.ts';
import { cellsPath, inBase64, isAbout, lastAppliedPath, parseMaskField } from './mask-field.ts';

/** What is done to answers about each resource. Obligations are one object for each principal, target and policy version. */
export class AnswerPlans {
  readonly #key: KeyObject;
  readonly #plans = new WeakMap<Obligations, Map<string, AnswerPlan>>();

  /** @param key of pseudonyms */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** @param type `pods`, `pods/log`; empty for discovery, in which nothing is anybody's secret */
  of(obligations: Obligations, group: string, type: string): AnswerPlan | null {
    const { masks, limits, recordResults, recordResultsAsked } = obligations;
    if (masks.length === 0 && limits.maxBytes === null && !recordResultsAsked) return null;
    let plans = this.#plans.get(obligations);
    if (plans === undefined) {
      plans = new Map();
      this.#plans.set(obligations, plans);
    }
    const name = `${group}/${type}`;
    let plan = plans.get(name);
    if (plan === undefined) {
      const masked = masks.length === 0 || type === '' ? null : masksOf(obligations, group, type, this.#key);
      plan = { masks: masked, maxBytes: limits.maxBytes, isRecorded: recordResults };
      if (plans.size >= maxAnswerPlans) plans.clear();
      plans.set(name, plan);
    }
    return plan;
  }
}

/** What Kubernetes' own resources show in tables holds nothing that anybody masks; custom ones choose their columns. */
const isKubernetesOwn = (group: string): boolean =>
  ['', 'apps', 'batch', 'autoscaling', 'policy'].includes(group) || group.endsWith('.k8s.io');

function masksOf({ masks: written }: Obligations, group: string, type: string, key: KeyObject): AnswerMasks {
  const masks = written
    .map((mask) => ({ ...mask, transform: transformName(mask.transform) }))
    .toSorted((left, right) => strictness(left.transform) - strictness(right.transform));
  const rules = masks.flatMap(({ fields, transform }) =>
    fields.flatMap((text) => {
      const field = parseMaskField(text);
      // Policies are checked when they are loaded, and fields of other protocols left out.
      if ('fault' in field || !isAbout(field, group, type)) return [];
      const mask = jsonMask(transform, key, text);
      return [{ path: field.path, mask: field.isBase64 ? inBase64(mask) : mask }];
    }),
  );
  const detecting = masks.flatMap(({ detect, transform }) =>
    detect.map((name) => ({ detector: detectorName(name), transform })),
  );
  const nothing = jsonMask('null', key, 'copies');
  const copies = (isKubernetesOwn(group) ? [lastAppliedPath] : [lastAppliedPath, cellsPath]).map((path) => ({
    path,
    mask: nothing,
  }));
  return {
    paths: compilePaths(rules.length === 0 ? [] : [...copies, ...rules]),
    scanner: detecting.length === 0 ? null : new ValueScanner(detecting, key),
    hasFields: rules.length > 0,
    // The API server is asked for JSON alone (headers.ts): its texts are logs.
    refusesText: false,
    headers: new Map(),
  };
}

/** `secrets:data.* -> full`: what is masked in such an answer, for people. */
export const describedMasks = ({ masks }: Obligations): readonly string[] => [
  ...new Set(
    masks.flatMap(({ fields, detect, transform }) => [
      ...fields.filter((text) => !('fault' in parseMaskField(text))).map((text) => `${text} -> ${transform}`),
      ...detect.map((name) => `any ${name} -> ${transform}`),
    ]),
  ),
];
