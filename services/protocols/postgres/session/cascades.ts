import type { Clock } from '../../../core/model/clock.ts';
import { messageOf } from '../../../core/model/errors.ts';
import type { TargetName } from '../../../core/model/ids.ts';
import type { Logger } from '../../../core/model/log.ts';
import type { Analysis, CascadeRoot, StatementFacts } from '../sql/analysis.ts';
import { cascadeQuery, readCascaded } from '../sql/cascade-query.ts';
import { type Cascaded, withCascades } from '../sql/cascades.ts';
import type { Catalog } from '../sql/catalog.ts';
import type { PostgresTarget } from '../target.ts';
import { CatalogConnection } from './catalog-connection.ts';

export interface CascadeParts {
  readonly name: TargetName;
  readonly target: PostgresTarget;
  readonly clock: Clock;
  readonly log: Logger;
  /** As last read. */
  catalog(): Catalog;
}

/**
 * Asks the target what goes along with a DROP ... CASCADE, each time that one is looked at. On a connection of its own, opened when it is
 * first needed: the catalog's is in a transaction while it is read.
 */
export class Cascades {
  readonly #parts: CascadeParts;
  readonly #connection: CatalogConnection;

  constructor(parts: CascadeParts) {
    this.#parts = parts;
    this.#connection = new CatalogConnection(parts.target, parts.clock);
  }

  /** The same analysis where nothing cascades. Never rejects: what cannot be found out is `unseen-cascade`. */
  async complete(analysis: Analysis): Promise<Analysis> {
    if (analysis.statements.every(({ cascades }) => cascades.length === 0)) return analysis;
    const cascaded: Cascaded[] = [];
    for (const statement of analysis.statements) cascaded.push(await this.#ask(statement));
    return withCascades(analysis, cascaded, this.#parts.catalog());
  }

  async #ask({ cascades }: StatementFacts): Promise<Cascaded> {
    const roots = cascades.filter((root) => isSeen(root));
    if (roots.length === 0) return [];
    try {
      return readCascaded(await this.#connection.query(cascadeQuery(roots)));
    } catch (error) {
      const { log, name } = this.#parts;
      log.warn({ target: name, error: messageOf(error) }, 'what hangs on a dropped object cannot be read');
      return null;
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

const isSeen = (root: CascadeRoot): root is Exclude<CascadeRoot, { kind: 'unseen' }> =>
  root.kind !== 'unseen';
