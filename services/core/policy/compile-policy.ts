import type { Mask } from '../model/decision.ts';
import { InvariantError } from '../model/errors.ts';
import { policyName, type TargetName } from '../model/ids.ts';
import { matchesGlob } from '../model/principal-pattern.ts';
import type { Position, SourceDocument, ValuePath } from '../model/problem.ts';
import { compileApproval } from './approval.ts';
import { type CompiledRule, emptyPatterns, RuleCompiler } from './compile-rule.ts';
import type { ProblemList } from './problem-list.ts';
import type { Policy, PolicyLimits, ProtocolRules } from './rule.ts';
import { type MaskSource, maskSchema, type PolicySource, policySchema } from './schema.ts';
import { isPlainObject, notAWord, textsIn } from './shapes.ts';
import { conditionOf, type ProtocolWords, type Vocabulary } from './vocabulary.ts';

export interface PolicySite {
  readonly document: SourceDocument;
  readonly path: ValuePath;
  readonly order: number;
}

/** A pattern that names something in a target, for `check --online`. */
export interface PatternUse extends Position {
  readonly file: string;
  /** The condition's name (`tables`), or `fields` for a mask's. */
  readonly condition: string;
  readonly pattern: string;
  /** Those whose protocol knows the condition, or could have the field. */
  readonly targets: readonly TargetName[];
}

/** Whether a pattern means something in these words. */
type Knows = (words: ProtocolWords, pattern: string) => boolean;

export interface CompiledPolicy {
  readonly policy: Policy;
  /** All that decides, with defaults filled in: what the version is made of. */
  readonly content: unknown;
  readonly patterns: readonly PatternUse[];
}

const contentOf = ({ source, conditions }: CompiledRule): unknown => ({
  ...source,
  approval: source.approval && compileApproval(source.approval),
  conditions,
});

/** Checks one policy and turns it into what decisions are made of; null when anything in it is wrong. */
export class PolicyCompiler {
  readonly #vocabulary: Vocabulary;
  readonly #problems: ProblemList;
  readonly #rules: RuleCompiler;
  #nextRule = 0;

  constructor(vocabulary: Vocabulary, problems: ProblemList) {
    this.#vocabulary = vocabulary;
    this.#problems = problems;
    this.#rules = new RuleCompiler(vocabulary, problems);
  }

  compile(site: PolicySite, value: unknown): CompiledPolicy | null {
    const { document, path } = site;
    const parsed = policySchema.safeParse(value);
    if (!parsed.success) this.#problems.schema(document, path, parsed.error.issues);
    const source = parsed.success ? parsed.data : salvage(value);
    const targets = this.#targets(site, source);
    const protocols = this.#protocols(targets);
    const answersAreRead = this.#checkAnswers(site, source, targets);
    const rules = this.#compileRules(site, source, protocols);
    const masks = this.#compileMasks(site, source, protocols);
    for (const empty of emptyPatterns(source.principals, ['principals'])) {
      this.#problems.warning(document, [...path, ...empty], 'the list is empty, so it matches nobody');
    }
    if (source.principals?.length === 0) {
      this.#problems.warning(
        document,
        [...path, 'principals'],
        'the list is empty, so the policy applies to nobody; leave it out for everybody',
      );
    }
    if (!parsed.success || !answersAreRead || rules === null || masks === null) return null;
    const byProtocol = new Map<string, ProtocolRules>();
    for (const [protocol, words] of protocols) {
      byProtocol.set(protocol, {
        rules: rules.map((rule) => rule.byProtocol.get(protocol)).filter((rule) => rule !== undefined),
        masks: masks.flatMap((mask) => maskIn(mask, words)),
      });
    }
    const policy: Policy = {
      name: policyName(source.name),
      order: site.order,
      principals: source.principals ?? null,
      targets: source.targets,
      byProtocol,
      limits: limitsOf(source),
      recordResults: source.record?.results ?? null,
    };
    const content = { ...source, rules: rules.map(contentOf), masks, limits: policy.limits };
    return { policy, content, patterns: this.#patterns(site, targets, rules, masks) };
  }

  /** The known targets that the policy means. */
  #targets({ document, path }: PolicySite, source: PolicySource): readonly TargetName[] {
    const known = this.#vocabulary.targets.map((target) => target.name);
    for (const [index, pattern] of source.targets.entries()) {
      if (known.some((name) => matchesGlob(pattern, name))) continue;
      const place = [...path, 'targets', index];
      if (pattern.includes('*')) this.#problems.warning(document, place, `"${pattern}" matches no target`);
      else this.#problems.error(document, place, notAWord('a target of the config', pattern, known));
    }
    return known.filter((name) => source.targets.some((pattern) => matchesGlob(pattern, name)));
  }

  /** The protocols that these targets speak; all of them when there are none, so that words are still checked. */
  #protocols(targets: readonly TargetName[]): ReadonlyMap<string, ProtocolWords> {
    const spoken = this.#vocabulary.targets
      .filter((target) => targets.includes(target.name))
      .map((target) => target.protocol);
    const all = Object.entries(this.#vocabulary.protocols);
    return new Map(targets.length === 0 ? all : all.filter(([protocol]) => spoken.includes(protocol)));
  }

  /** What asks for something of the target's answers that nobody does there must not be in a policy: it would be kept by nobody. */
  #checkAnswers(
    { document, path }: PolicySite,
    { masks = [], limits = {}, record }: PolicySource,
    targets: readonly TargetName[],
  ): boolean {
    const unread = targets.find((target) => !this.#wordsOf(target).readsAnswers);
    const withoutRows = targets.find((target) => !this.#wordsOf(target).countsRows);
    const notRead = `what target ${unread} answers is not read by the gateway yet`;
    const asked: (readonly [ValuePath, string])[] = [];
    if (unread !== undefined && masks.length > 0) asked.push([['masks'], notRead]);
    if (unread !== undefined && limits.bytes !== undefined) asked.push([['limits', 'bytes'], notRead]);
    if (unread !== undefined && record?.results === true) asked.push([['record', 'results'], notRead]);
    if (withoutRows !== undefined && limits.rows !== undefined) {
      asked.push([['limits', 'rows'], `what target ${withoutRows} answers does not come in rows`]);
    }
    for (const [place, why] of asked) {
      const message = `${why}, so it could not keep to this: give that target a policy of its own without it`;
      this.#problems.error(document, [...path, ...place], message);
    }
    return asked.length === 0;
  }

  #compileRules(
    site: PolicySite,
    source: PolicySource,
    protocols: ReadonlyMap<string, ProtocolWords>,
  ): readonly CompiledRule[] | null {
    const rules: CompiledRule[] = [];
    const names = new Map<string, number>();
    let broken = false;
    for (const [index, value] of (source.rules ?? []).entries()) {
      const path = [...site.path, 'rules', index];
      const order = this.#nextRule++;
      const rule = this.#rules.compile(
        { document: site.document, path, policy: source.name, order, protocols },
        value,
      );
      const nameIsTaken = this.#nameIsTaken(site, names, index, value);
      if (rule === null || nameIsTaken) broken = true;
      else rules.push(rule);
    }
    return broken ? null : rules;
  }

  #nameIsTaken(site: PolicySite, names: Map<string, number>, index: number, value: unknown): boolean {
    const name = isPlainObject(value) ? value['name'] : undefined;
    if (typeof name !== 'string') return false;
    const first = names.get(name);
    if (first === undefined) {
      names.set(name, index);
      return false;
    }
    const { line } = site.document.locate([...site.path, 'rules', first]);
    this.#problems.error(
      site.document,
      [...site.path, 'rules', index, 'name'],
      `rule "${name}" is in this policy already, on line ${line}`,
    );
    return true;
  }

  #compileMasks(
    site: PolicySite,
    source: PolicySource,
    protocols: ReadonlyMap<string, ProtocolWords>,
  ): readonly Mask[] | null {
    const masks: Mask[] = [];
    let broken = false;
    for (const [index, value] of (source.masks ?? []).entries()) {
      const path = [...site.path, 'masks', index];
      const parsed = maskSchema.safeParse(value);
      if (!parsed.success) this.#problems.schema(site.document, path, parsed.error.issues);
      if (!parsed.success || !this.#checkMask(site.document, path, parsed.data, protocols)) {
        broken = true;
        continue;
      }
      masks.push({
        policy: policyName(source.name),
        fields: parsed.data.fields ?? [],
        detect: parsed.data.detect ?? [],
        transform: parsed.data.with,
        inConditions: parsed.data.inConditions ?? 'equality',
        derived: parsed.data.derived ?? 'mask',
      });
    }
    return broken ? null : masks;
  }

  #checkMask(
    document: SourceDocument,
    path: ValuePath,
    mask: MaskSource,
    protocols: ReadonlyMap<string, ProtocolWords>,
  ): boolean {
    const found: (readonly [ValuePath, string])[] = [];
    const { detectors, transforms } = this.#vocabulary;
    const { fields = [], detect = [] } = mask;
    if (fields.length + detect.length === 0) {
      found.push([[], 'a mask must say what it hides: write "fields" or "detect"']);
    }
    if (!transforms.includes(mask.with)) {
      found.push([['with'], notAWord('a transform', mask.with, transforms)]);
    }
    for (const [index, detector] of detect.entries()) {
      if (!detectors.includes(detector)) {
        found.push([['detect', index], notAWord('a detector', detector, detectors)]);
      }
    }
    for (const [index, field] of fields.entries()) {
      const wrong = [...protocols.values()].map((words) => words.fieldProblem(field));
      const [first] = wrong;
      // With several protocols a field is one protocol's; it must make sense to one of them.
      if (wrong.every((problem) => problem !== null) && first != null) found.push([['fields', index], first]);
    }
    for (const [place, message] of found) this.#problems.error(document, [...path, ...place], message);
    return found.length === 0;
  }

  #patterns(
    site: PolicySite,
    targets: readonly TargetName[],
    rules: readonly CompiledRule[],
    masks: readonly Mask[],
  ): readonly PatternUse[] {
    const { document } = site;
    const uses: PatternUse[] = [];
    const add = (path: ValuePath, condition: string, patterns: unknown, knows: Knows): void => {
      for (const [index, pattern] of textsIn(patterns).entries()) {
        if (pattern === null) continue;
        const place = document.locate([...site.path, ...path, index]);
        const where = targets.filter((target) => knows(this.#wordsOf(target), pattern));
        uses.push({ file: document.file, ...place, condition, pattern, targets: where });
      }
    };
    for (const [index, { conditions }] of rules.entries()) {
      for (const [name, patterns] of Object.entries(conditions)) {
        add(['rules', index, name], name, patterns, (words) => conditionOf(words, name) !== null);
      }
    }
    for (const [index, mask] of masks.entries()) {
      const knows: Knows = (words, field) => words.fieldProblem(field) === null;
      add(['masks', index, 'fields'], 'fields', mask.fields, knows);
    }
    return uses;
  }

  #wordsOf(target: TargetName): ProtocolWords {
    const protocol = this.#vocabulary.targets.find(({ name }) => name === target)?.protocol ?? '';
    const words = this.#vocabulary.protocols[protocol];
    if (words === undefined)
      throw new InvariantError(`target ${target} speaks "${protocol}", which is no protocol`);
    return words;
  }
}

/** What can still be checked of a policy that does not fit the schema, so that all is told in one go. */
function salvage(value: unknown): PolicySource {
  const written = isPlainObject(value) ? value : {};
  const list = (key: string): unknown[] => (Array.isArray(written[key]) ? written[key] : []);
  const targets = textsIn(written['targets']).filter((target) => target !== null);
  return { name: '', targets, rules: list('rules'), masks: list('masks') };
}

/** The part of a mask that means something to a protocol. */
function maskIn(mask: Mask, words: ProtocolWords): readonly Mask[] {
  const fields = mask.fields.filter((field) => words.fieldProblem(field) === null);
  if (fields.length === mask.fields.length) return [mask];
  return fields.length + mask.detect.length > 0 ? [{ ...mask, fields }] : [];
}

const limitsOf = ({ limits }: PolicySource): PolicyLimits => ({
  maxRows: limits?.rows ?? null,
  maxBytes: limits?.bytes ?? null,
  commandsPerMinute: limits?.commandsPerMinute ?? null,
  guessesPerMinute: limits?.guessesPerMinute ?? null,
  sessionMs: limits?.session ?? null,
  idleMs: limits?.idle ?? null,
});
