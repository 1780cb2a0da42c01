import type { z } from 'zod';
import { maxPageItems } from '../api/limits.ts';
import type { Wire } from '../api/schemas.ts';
import type { GatewayClient } from './gateway-client.ts';

type PageSchema<Item extends z.ZodType> = z.ZodObject<{
  items: z.ZodArray<Item>;
  next: z.ZodNullable<z.ZodString>;
}>;

export interface Listed<Item, Page> {
  readonly items: readonly Item[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
  /** What it says beside its items. */
  readonly lastPage: Page;
}

/** The first items of a list, over as many pages as it takes. @throws CliError */
export async function firstItems<Item extends z.ZodType, Page extends PageSchema<Item>>(
  client: GatewayClient,
  path: string,
  query: Readonly<Record<string, string>>,
  schema: Page & PageSchema<Item>,
  limit: number,
): Promise<Listed<Wire<Item>, Wire<Page>>> {
  const items: Wire<Item>[] = [];
  let after: string | null = null;
  for (;;) {
    const pageLimit = String(Math.min(limit - items.length, maxPageItems));
    const search = new URLSearchParams({ ...query, limit: pageLimit, ...(after !== null && { after }) });
    const page: Wire<Page> = await client.get(`${path}?${search}`, schema);
    // as: TypeScript does not look into the generic page
    const { items: found, next } = page as { items: readonly Wire<Item>[]; next: string | null };
    items.push(...found);
    after = next;
    if (after === null || items.length >= limit) return { items, more: after !== null, lastPage: page };
  }
}
