import type { RuleOutcome } from '../model/decision.ts';
import { policyName, ruleName } from '../model/ids.ts';
import type { SourceDocument, ValuePath } from '../model/problem.ts';
import { compileApproval } from './approval.ts';
import type { DynamicCondition } from './conditions/dynamic.ts';
import { compileListeners, compileSources } from './conditions/origin.ts';
import { asksTheImpossible, compileParameters } from './conditions/parameters.ts';
import { compileTimes } from './conditions/times.ts';
import type { ProblemList } from './problem-list.ts';
import type { EffectTest, Rule } from './rule.ts';
import { type RuleSource, ruleKeys, ruleSchema } from './schema.ts';
import { isPlainObject, listText, notAWord, type PlainObject, textsIn, unknownKey } from './shapes.ts';
import { conditionOf, connectVerb, everyVerb, type ProtocolWords, type Vocabulary } from './vocabulary.ts';

/** Where a rule stands. */
export interface RuleSite {
  readonly document: SourceDocument;
  readonly path: ValuePath;
  readonly policy: string;
  readonly order: number;
  /** The protocols of the policy's targets, by name. */
  readonly protocols: ReadonlyMap<string, ProtocolWords>;
}

export interface CompiledRule {
  readonly source: RuleSource;
  /** By protocol; a protocol in whose words the rule says nothing has none. */
  readonly byProtocol: ReadonlyMap<string, Rule>;
  /** The rule's conditions as written, for the version and for `check --online`. */
  readonly conditions: Readonly<Record<string, unknown>>;
}

const joined = (words: Iterable<string>): string => [...words].join(', ');

/** What a condition asks for, in the words of whoever wrote it. */
function conditionText(value: unknown): string {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return listText(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Checks one rule and turns it into what decisions are made of; null when it is wrong. */
export class RuleCompiler {
  readonly #vocabulary: Vocabulary;
  readonly #problems: ProblemList;

  constructor(vocabulary: Vocabulary, problems: ProblemList) {
    this.#vocabulary = vocabulary;
    this.#problems = problems;
  }

  compile(site: RuleSite, value: unknown): CompiledRule | null {
    const before = this.#errors();
    if (!isPlainObject(value)) {
      this.#problems.error(site.document, site.path, 'a rule must be a map of keys to values');
      return null;
    }
    const common = Object.fromEntries(Object.entries(value).filter(([key]) => ruleKeys.includes(key)));
    const conditions = Object.fromEntries(Object.entries(value).filter(([key]) => !ruleKeys.includes(key)));
    const parsed = ruleSchema.safeParse(common);
    if (!parsed.success) this.#problems.schema(site.document, site.path, parsed.error.issues);
    // A rule without a sound outcome is dropped below; until then its conditions are checked like those of any other.
    const tests = this.#tests(site, conditions, parsed.data?.outcome ?? 'deny');
    this.#checkWords(site, common, Object.keys(conditions));
    this.#checkOutcome(site, common);
    if (!parsed.success || this.#errors() > before) return null;
    const source = parsed.data;
    const byProtocol = this.#byProtocol(site, source, tests, Object.keys(conditions));
    this.#warn(site, source, conditions, byProtocol);
    return { source, byProtocol, conditions };
  }

  #errors(): number {
    return this.#problems.problems.filter((problem) => problem.severity === 'error').length;
  }

  /** The rule's conditions in each protocol that knows them. */
  #tests(
    site: RuleSite,
    conditions: PlainObject,
    outcome: RuleOutcome,
  ): ReadonlyMap<string, readonly EffectTest[]> {
    const tests = new Map<string, EffectTest[]>();
    for (const [name, value] of Object.entries(conditions)) {
      const path = [...site.path, name];
      let spoken = false;
      for (const [protocol, words] of site.protocols) {
        const condition = conditionOf(words, name);
        if (condition === null) continue;
        spoken = true;
        const parsed = condition.schema.safeParse(value);
        if (parsed.success) {
          const matches = condition.compile(parsed.data, outcome);
          const test = { name, text: conditionText(value), matches };
          tests.set(protocol, [...(tests.get(protocol) ?? []), test]);
        } else {
          this.#problems.schema(site.document, path, parsed.error.issues);
        }
      }
      if (!spoken) this.#problems.error(site.document, path, this.#notSpoken(site, name));
    }
    return tests;
  }

  #notSpoken(site: RuleSite, name: string): string {
    const elsewhere = Object.entries(this.#vocabulary.protocols)
      .filter(([, words]) => conditionOf(words, name) !== null)
      .map(([protocol]) => protocol);
    if (elsewhere.length > 0) {
      return (
        `"${name}" is a condition of ${joined(elsewhere)}, ` +
        `and this policy's targets speak ${joined(site.protocols.keys())}`
      );
    }
    const spoken = [...site.protocols.values()].flatMap((words) => Object.keys(words.conditions));
    return unknownKey(name, [...ruleKeys, ...new Set(spoken)]);
  }

  /** Looks at the rule as written, so that it has its say beside what the schema finds. */
  #checkWords(site: RuleSite, written: PlainObject, conditions: readonly string[]): void {
    const { effects, opaque } = written;
    if (effects === undefined && opaque === undefined) {
      this.#problems.error(
        site.document,
        site.path,
        `the rule is about nothing: write "effects" ("*" is every effect) or "opaque"`,
      );
    }
    if (effects === undefined && opaque !== undefined && conditions.length > 0) {
      this.#problems.error(
        site.document,
        [...site.path, conditions[0] ?? ''],
        `"${conditions[0]}" is a condition on effects, and this rule is on opaque reasons alone: add "effects"`,
      );
    }
    this.#checkList(site, 'effects', textsIn(effects), 'a verb', (words) => [...words.verbs, everyVerb]);
    this.#checkList(site, 'opaque', textsIn(opaque), 'an opaque reason', (words) => words.opaqueReasons);
  }

  #checkList(
    site: RuleSite,
    key: string,
    list: readonly (string | null)[],
    what: string,
    known: (words: ProtocolWords) => readonly string[],
  ): void {
    const words = [...new Set([...site.protocols.values()].flatMap(known))];
    for (const [index, word] of list.entries()) {
      if (word === null || words.includes(word)) continue;
      const elsewhere = Object.entries(this.#vocabulary.protocols)
        .filter(([, other]) => known(other).includes(word))
        .map(([protocol]) => protocol);
      const message =
        elsewhere.length > 0
          ? `"${word}" is ${what} of ${joined(elsewhere)}, ` +
            `and this policy's targets speak ${joined(site.protocols.keys())}`
          : notAWord(`${what} of ${joined(site.protocols.keys())}`, word, words);
      this.#problems.error(site.document, [...site.path, key, index], message);
    }
  }

  #checkOutcome(site: RuleSite, written: PlainObject): void {
    const { outcome } = written;
    if (outcome === 'hold' && written['approval'] === undefined) {
      this.#problems.error(
        site.document,
        site.path,
        'the rule holds, but nobody can approve: write "approval" with "approvers"',
      );
    }
    for (const [key, belongsTo] of [
      ['approval', 'hold'],
      ['message', 'deny'],
      ['hint', 'deny'],
    ] as const) {
      if (written[key] === undefined || outcome === belongsTo || typeof outcome !== 'string') continue;
      this.#problems.error(
        site.document,
        [...site.path, key],
        `"${key}" belongs to outcome: ${belongsTo}, and this rule's outcome is ${outcome}`,
      );
    }
    const known = this.#vocabulary.listeners.map((listener) => listener.name);
    for (const [index, listener] of textsIn(written['listeners']).entries()) {
      if (listener === null || listener.includes('*') || known.some((name) => name === listener)) continue;
      const message = notAWord('a listener of the config', listener, known);
      this.#problems.error(site.document, [...site.path, 'listeners', index], message);
    }
  }

  #byProtocol(
    site: RuleSite,
    source: RuleSource,
    tests: ReadonlyMap<string, readonly EffectTest[]>,
    conditions: readonly string[],
  ): ReadonlyMap<string, Rule> {
    const dynamic = compileDynamic(source);
    const rules = new Map<string, Rule>();
    for (const [protocol, words] of site.protocols) {
      // A condition that the protocol does not know holds for nothing there.
      const spoken = tests.get(protocol) ?? [];
      if (spoken.length < conditions.length) continue;
      const effects = source.effects ?? [];
      const everything = effects.includes(everyVerb);
      const verbs = everything ? words.verbs : words.verbs.filter((verb) => effects.includes(verb));
      // "Nothing at night" means what cannot be understood as well. To allow that, a rule must name it.
      const everyReason = source.outcome === 'deny' && everything && conditions.length === 0;
      const opaque = words.opaqueReasons.filter(
        (reason) => everyReason || source.opaque?.includes(reason) === true,
      );
      if (verbs.length === 0 && opaque.length === 0) continue;
      const base = {
        ref: { policy: policyName(site.policy), rule: ruleName(source.name) },
        order: site.order,
        principals: source.principals ?? null,
        verbs: new Set(verbs),
        effects,
        tests: spoken,
        opaque: new Set(opaque),
        dynamic,
      };
      rules.set(protocol, withOutcome(base, source));
    }
    return rules;
  }

  #warn(
    site: RuleSite,
    source: RuleSource,
    conditions: PlainObject,
    byProtocol: ReadonlyMap<string, Rule>,
  ): void {
    const warn = (path: ValuePath, message: string): void =>
      this.#problems.warning(site.document, [...site.path, ...path], message);
    const never = `so rule "${source.name}" can never match`;
    const empty = emptyLists({ ...source, ...conditions });
    for (const path of empty) warn(path, 'the list is empty, so it matches nothing');
    if (source.parameters && asksTheImpossible(source.parameters)) {
      warn(['parameters'], `no value can be all of this, ${never}`);
    }
    if (byProtocol.size === 0 && empty.length === 0) {
      warn([], `no target of the policy speaks of all that this rule asks for, ${never}`);
    }
    const effects = source.effects ?? [];
    if (effects.length === 1 && effects[0] === connectVerb) {
      if (source.outcome === 'hold')
        warn(['outcome'], 'a connection cannot be held; hold what is done with it');
      const [condition] = Object.keys(conditions);
      if (condition !== undefined) warn([condition], `a connection has no ${condition}, ${never}`);
    }
    for (const [index, pattern] of (source.approval?.approvers ?? []).entries()) {
      if (Object.keys(pattern).length > 0) continue;
      warn(['approval', 'approvers', index], 'an empty pattern: every person of every issuer can approve');
    }
  }
}

const withOutcome = (base: Omit<Rule, 'outcome'>, source: RuleSource): Rule => {
  if (source.outcome === 'hold' && source.approval !== undefined) {
    return { ...base, outcome: 'hold', approval: compileApproval(source.approval) };
  }
  if (source.outcome === 'allow') return { ...base, outcome: 'allow' };
  return { ...base, outcome: 'deny', message: source.message ?? null, hint: source.hint ?? null };
};

function compileDynamic(source: RuleSource): readonly DynamicCondition[] {
  const dynamic: DynamicCondition[] = [];
  if (source.times) dynamic.push(compileTimes(source.times));
  if (source.sources) dynamic.push(compileSources(source.sources));
  if (source.listeners) dynamic.push(compileListeners(source.listeners));
  if (source.parameters) dynamic.push(compileParameters(source.parameters));
  return dynamic;
}

/** Lists of which one must match, and that have none. */
function emptyLists(rule: PlainObject): readonly ValuePath[] {
  const paths: ValuePath[] = [];
  for (const [key, value] of Object.entries(rule)) {
    if (Array.isArray(value) && value.length === 0) paths.push([key]);
  }
  const times = rule['times'];
  const weekdays = isPlainObject(times) ? times['weekdays'] : undefined;
  if (Array.isArray(weekdays) && weekdays.length === 0) paths.push(['times', 'weekdays']);
  return [...paths, ...emptyPatterns(rule['principals'], ['principals'])];
}

/** Fields of principal patterns that match nobody. */
export function emptyPatterns(patterns: unknown, path: ValuePath): readonly ValuePath[] {
  if (!Array.isArray(patterns)) return [];
  return patterns.flatMap((pattern: unknown, index) =>
    Object.entries(isPlainObject(pattern) ? pattern : {})
      .filter(([, value]) => Array.isArray(value) && value.length === 0)
      .map(([key]) => [...path, index, key]),
  );
}
