/** What was read of a target's catalog, before it is understood: results of text, read by position. */
import type { CatalogColumn, Relation } from './catalog.ts';
import type { CatalogQuery, DefinitionQuery } from './catalog-queries.ts';

/** A result as the server sent it, in text format. */
export type CatalogResult = readonly (readonly (string | null)[])[];

/** All that was read: what the worker thread is sent. */
export interface CatalogRows {
  readonly fingerprint: string;
  readonly queries: Readonly<Record<CatalogQuery, CatalogResult>>;
  /** By the oid of relation or function; null when the server would not print them. */
  readonly definitions: Readonly<Record<DefinitionQuery, CatalogResult>> | null;
}

export type Cell = string | null | undefined;

export const number = (cell: Cell): number => Number(cell ?? 0);
export const flag = (cell: Cell): boolean => cell === 't' || cell === 'true';
export const text = (cell: Cell): string => cell ?? '';
export const numbers = (cell: Cell): readonly number[] =>
  cell === null || cell === undefined || cell === '' ? [] : cell.split(' ').map(Number);

export const columnsAt = (relation: Relation, attributeNumbers: Cell): readonly CatalogColumn[] =>
  numbers(attributeNumbers).flatMap(
    (at) => relation.columns.find((column) => column.attributeNumber === at) ?? [],
  );
