import type { Position, Problem, SourceDocument, ValuePath } from '../model/problem.ts';
import { ConfigError } from './errors.ts';
import { maxDocumentBytes, maxProblems } from './limits.ts';
import { readTextFile } from './text-file.ts';
import { parseYaml, type YamlFault, type YamlSyntax } from './yaml-syntax.ts';
import { YamlTree } from './yaml-tree.ts';

/** A YAML file, read. */
export class YamlDocument implements SourceDocument {
  readonly file: string;
  readonly #value: unknown;
  readonly #tree: YamlTree;
  readonly #position: YamlSyntax['position'];

  constructor(file: string, tree: YamlTree, position: YamlSyntax['position']) {
    this.file = file;
    this.#value = tree.plain();
    this.#tree = tree;
    this.#position = position;
  }

  /** A getter, so that a document that is logged shows nothing of a file in which somebody wrote a secret. */
  get value(): unknown {
    return this.#value;
  }

  locate(path: ValuePath): Position {
    return this.#position(this.#tree.offsetOfValue(path));
  }

  /** The place of the key at this path, of an item of a list when it is one, or of the nearest parent. */
  locateKey(path: ValuePath): Position {
    return this.#position(this.#tree.offsetOfKey(path));
  }

  has(path: ValuePath): boolean {
    return this.#tree.has(path);
  }
}

export interface ReadYaml {
  /**
   * Null when the file cannot be read or is not YAML. Not null along with errors when they do not blur the rest (a key
   * that stands twice), so that what else is wrong can be told in the same go.
   */
  readonly document: YamlDocument | null;
  readonly problems: readonly Problem[];
}

/** Reads a YAML file. Never throws. */
export function readYamlDocument(file: string): ReadYaml {
  try {
    return parseYamlDocument(file, readTextFile(file, maxDocumentBytes).text);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const message = `The file ${cause.message}.`;
    return { document: null, problems: [{ severity: 'error', file, line: 1, column: 1, message }] };
  }
}

/** @param file what problems name */
export function parseYamlDocument(file: string, text: string): ReadYaml {
  const { contents, faults, position } = parseYaml(text);
  const problem = ({ offset, message }: YamlFault): Problem => ({
    severity: 'error',
    file,
    ...position(offset),
    message,
  });
  if (contents === null && faults.length > 0)
    return { document: null, problems: onePerLine(faults.map(problem)) };
  const tree = new YamlTree(contents);
  const document = new YamlDocument(file, tree, position);
  return { document, problems: inOrder([...faults, ...tree.faults].map(problem)) };
}

/** Those that come first in the file, and how many more there are. */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const sorted = problems.toSorted((left, right) => left.line - right.line || left.column - right.column);
  const shown = sorted.slice(0, maxProblems);
  const left = sorted.slice(maxProblems);
  const [next] = left;
  if (next === undefined) return shown;
  // An error that is not shown is one all the same.
  const severity = left.some((problem) => problem.severity === 'error') ? 'error' : 'warning';
  return [
    ...shown,
    { ...next, severity, message: `${left.length} more problems from here on are not shown.` },
  ];
}

/** What comes after the first error of a line is mostly its consequence. */
function onePerLine(problems: readonly Problem[]): readonly Problem[] {
  const first = new Map<number, Problem>();
  for (const problem of problems) {
    const earlier = first.get(problem.line);
    if (earlier === undefined || problem.column < earlier.column) first.set(problem.line, problem);
  }
  return inOrder([...first.values()]);
}
