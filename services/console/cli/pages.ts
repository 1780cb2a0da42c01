import type { z } from 'zod';
import { maxPageItems } from '../api/limits.ts';
import type { Wire } from '../api/schemas.ts';
import type { GatewayClient } from './gateway-client.ts';

type PageSchema<Item extends z.ZodType> = z.ZodObject<{
  items: z.ZodArray<Item>;
  next: z.ZodNullable<z.ZodString>;
}>;

export interface Listed<Item> {
  readonly items: readonly Item[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
}

/** The first items of a list, over as many pages as it takes. @throws CliError */
export async function firstItems<Item extends z.ZodType>(
  client: GatewayClient,
  path: string,
  query: Readonly<Record<string, string>>,
  schema: PageSchema<Item>,
  limit: number,
): Promise<Listed<Wire<Item>>> {
  const items: Wire<Item>[] = [];
  let after: string | null = null;
  do {
    const pageLimit = String(Math.min(limit - items.length, maxPageItems));
    const search = new URLSearchParams({ ...query, limit: pageLimit, ...(after !== null && { after }) });
    const page: Wire<PageSchema<Item>> = await client.get(`${path}?${search}`, schema);
    // as: TypeScript does not look into the generic page
    items.push(...(page.items as readonly Wire<Item>[]));
    after = page.next as string | null;
  } while (after !== null && items.length < limit);
  return { items, more: after !== null };
}
