import { type Problem, problemText, type SourceDocument, type ValuePath } from '../model/problem.ts';
import { contentVersion } from './canonical.ts';
import { type PatternUse, PolicyCompiler } from './compile-policy.ts';
import { PolicySet } from './policy-set.ts';
import { ProblemList } from './problem-list.ts';
import type { Policy } from './rule.ts';
import { fileSchema, ruleKeys } from './schema.ts';
import { isPlainObject } from './shapes.ts';
import { checkProtocols, type Vocabulary } from './vocabulary.ts';

export interface LoadedPolicies {
  /** Null when a problem is an error. */
  readonly policies: PolicySet | null;
  readonly problems: readonly Problem[];
  /** Every pattern that names something in a target; empty when the policies are broken. */
  readonly patterns: readonly PatternUse[];
}

interface Place {
  readonly document: SourceDocument;
  readonly path: ValuePath;
}

/** The policies of these files, in their order. `problems` of reading the files themselves may be passed in. */
export function loadPolicies(
  documents: readonly SourceDocument[],
  vocabulary: Vocabulary,
  earlier: readonly Problem[] = [],
): LoadedPolicies {
  checkProtocols(vocabulary, ruleKeys);
  const problems = new ProblemList();
  const compiler = new PolicyCompiler(vocabulary, problems);
  const policies: Policy[] = [];
  const contents: unknown[] = [];
  const patterns: PatternUse[] = [];
  const names = new Map<string, Place>();
  let order = 0;
  for (const document of documents) {
    const parsed = fileSchema.safeParse(document.value);
    if (!parsed.success) problems.schema(document, [], parsed.error.issues);
    for (const [index, value] of policiesIn(document.value).entries()) {
      const path = ['policies', index];
      checkName(problems, names, { document, path }, value);
      const compiled = compiler.compile({ document, path, order: order++ }, value);
      if (compiled === null) continue;
      policies.push(compiled.policy);
      contents.push(compiled.content);
      patterns.push(...compiled.patterns);
    }
  }
  const all = [...earlier, ...inFileOrder(documents, problems.problems)];
  if (all.some((problem) => problem.severity === 'error')) {
    return { policies: null, problems: all, patterns: [] };
  }
  return { policies: new PolicySet(contentVersion(contents), policies, vocabulary), problems: all, patterns };
}

/** As a person reads them: file by file, from the top. */
function inFileOrder(documents: readonly SourceDocument[], problems: readonly Problem[]): readonly Problem[] {
  const order = new Map(documents.map((document, index) => [document.file, index]));
  const fileOrder = (problem: Problem): number => order.get(problem.file) ?? 0;
  // Two protocols that know the same condition find the same mistake in it.
  const distinct = [...new Map(problems.map((problem) => [problemText(problem), problem])).values()];
  return distinct.toSorted(
    (left, right) =>
      fileOrder(left) - fileOrder(right) || left.line - right.line || left.column - right.column,
  );
}

/** Also those of a file that has something else wrong with it, so that all is told in one go. */
const policiesIn = (file: unknown): readonly unknown[] =>
  isPlainObject(file) && Array.isArray(file['policies']) ? file['policies'] : [];

function checkName(problems: ProblemList, names: Map<string, Place>, place: Place, value: unknown): void {
  const name = isPlainObject(value) ? value['name'] : undefined;
  if (typeof name !== 'string') return;
  const first = names.get(name);
  if (first === undefined) {
    names.set(name, place);
    return;
  }
  const { line } = first.document.locate(first.path);
  problems.error(
    place.document,
    [...place.path, 'name'],
    `policy "${name}" exists already, in ${first.document.file} on line ${line}`,
  );
}
