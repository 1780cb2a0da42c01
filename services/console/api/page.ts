import { z } from 'zod';
import { defaultPageItems, maxPageItems } from './limits.ts';
import { ProblemError } from './problems.ts';

/** The query of every list. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(maxPageItems)
    .default(defaultPageItems)
    .meta({ description: 'Items of the page' }),
  after: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'The `next` of the page before; without it, the first page' }),
};

export interface PageQuery {
  readonly limit: number;
  readonly after?: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** What leads to the next page; null on the last. */
  readonly next: string | null;
}

/**
 * The items that come after the named one: as long as the order stays, what comes and goes meanwhile repeats and hides
 * nothing.
 * @throws ProblemError `invalid-request` when the named one is not there any more
 */
export async function pageOf<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  idOf: (item: Item) => string,
  { limit, after }: PageQuery,
): Promise<Page<Item>> {
  const found: Item[] = [];
  let begun = after === undefined;
  for await (const item of items) {
    if (!begun) begun = idOf(item) === after;
    else if (found.length < limit) found.push(item);
    else return { items: found, next: idOf(found[found.length - 1] ?? item) };
  }
  if (!begun) {
    throw new ProblemError(
      'invalid-request',
      'query.after: what it names is not in the list any more',
      'Begin with the first page again.',
    );
  }
  return { items: found, next: null };
}
