/** Lines and columns count from 1, as editors show them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Something wrong in a file that a person wrote. All problems are told in one go. */
export interface Problem extends Position {
  readonly severity: 'error' | 'warning';
  /** As the person named it, so that it can be clicked. */
  readonly file: string;
  /** What is wrong and what to do, in one or two sentences. */
  readonly message: string;
}

export type ValuePath = readonly (string | number)[];

/** A parsed file whose values still know where they stood. */
export interface SourceDocument {
  readonly file: string;
  readonly value: unknown;
  /** The place of the value at this path, or of its nearest parent that is there. */
  locate(path: ValuePath): Position;
}

export const problemText = (problem: Problem): string =>
  `${problem.file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.message}`;
