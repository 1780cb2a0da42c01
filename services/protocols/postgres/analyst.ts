import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { Intent } from '../../core/model/action.ts';
import { systemClock } from '../../core/model/clock.ts';
import type { Obligations } from '../../core/model/decision.ts';
import { InvariantError } from '../../core/model/errors.ts';
import type { TargetName } from '../../core/model/ids.ts';
import type { Logger } from '../../core/model/log.ts';
import type { Analyst, Understanding, UnmatchedPattern, UsedPattern } from '../protocol.ts';
import { TargetMasking } from './mask/masking.ts';
import { nameMatcher } from './policy.ts';
import { explainRing } from './ring/explain.ts';
import { Conversation } from './session/conversation.ts';
import { composedIntent, resolveNames } from './session/resolve.ts';
import { TargetWork } from './session/target-work.ts';
import type { StatementFacts } from './sql/analysis.ts';
import type { Catalog } from './sql/catalog.ts';
import { LargeTexts } from './sql/large-texts.ts';
import type { PostgresTarget } from './target.ts';
import { guessesIn, understanding } from './understanding.ts';

/** Reads the target's catalog once. @throws UpstreamError, CatalogError */
export async function createAnalyst(
  name: TargetName,
  target: PostgresTarget,
  log: Logger,
  kept: KeyObject | null,
): Promise<Analyst> {
  const clock = systemClock;
  const largeTexts = new LargeTexts(clock);
  // Nothing is masked here, only said, so any key will do.
  const maskingKey = kept ?? createSecretKey(randomBytes(32));
  try {
    const work = await TargetWork.open({
      name,
      target,
      maskingKey,
      largeTexts,
      clock,
      log,
      changedHere: () => undefined,
    });
    return new PostgresAnalyst({
      work,
      target,
      largeTexts,
      maskingKey: { key: maskingKey, isGateways: kept !== null },
    });
  } catch (error) {
    await largeTexts.close();
    throw error;
  }
}

interface AnalystParts {
  readonly work: TargetWork;
  readonly target: PostgresTarget;
  readonly largeTexts: LargeTexts;
  readonly maskingKey: { readonly key: KeyObject; readonly isGateways: boolean };
}

class PostgresAnalyst implements Analyst {
  readonly #parts: AnalystParts;
  readonly #work: TargetWork;
  readonly #statements = new WeakMap<Intent, readonly StatementFacts[]>();

  constructor(parts: AnalystParts) {
    this.#parts = parts;
    this.#work = parts.work;
  }

  async analyse(text: string, sessionSetup: readonly string[]): Promise<Intent> {
    const conversation = new Conversation();
    const earlier: StatementFacts[] = [];
    for (const setup of sessionSetup) {
      const { statements } = await this.#work.analyse(setup, conversation);
      earlier.push(...statements);
      conversation.setsSearchPath(statements);
    }
    const analysis = await this.#work.analyse(text, conversation);
    const resolved = resolveNames(analysis, conversation, unknownNames, earlier);
    if (resolved === 'uncertain' || resolved instanceof Promise) {
      throw new InvariantError('nothing runs in a session that was only thought up');
    }
    const statements = resolved.statements.map(asExecuted);
    const intent = composedIntent(resolved.intent, statements);
    this.#statements.set(intent, statements);
    return intent;
  }

  masks(intent: Intent, obligations: Obligations): readonly string[] {
    const statements = this.#statements.get(intent) ?? [];
    const masking = new TargetMasking(() => this.#work.catalog, this.#parts.maskingKey.key);
    return statements.flatMap((statement) => masking.describe(obligations, statement));
  }

  understanding(intent: Intent, obligations: Obligations): Understanding {
    const statements = this.#statements.get(intent) ?? [];
    const { work, target, maskingKey } = this.#parts;
    const masking = new TargetMasking(() => work.catalog, maskingKey.key);
    const ring = work.rings.of(obligations);
    return understanding(statements, work.catalog, {
      maskOf: (output) => masking.describeOutput(obligations, output),
      guesses: guessesIn(intent, obligations, ring !== null),
      ring: ring && explainRing(ring, target, work.catalog, statements, maskingKey),
    });
  }

  masksInTarget(obligations: Obligations): boolean {
    return this.#work.rings.of(obligations) !== null;
  }

  unmatched(patterns: readonly UsedPattern[]): readonly UnmatchedPattern[] {
    return patterns.flatMap((used) => {
      const names = namesOf(used.condition, this.#work.catalog);
      if (names === null) return [];
      const matches = nameMatcher(used.pattern);
      for (const name of names.names) if (matches(name)) return [];
      return [{ used, message: `no ${names.what} is called ${used.pattern}` }];
    });
  }

  /** Its catalog has been read. */
  reach(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#work.close();
    await this.#parts.largeTexts.close();
  }
}

const unknownNames = (): never => {
  throw new InvariantError('a conversation without a server has no names');
};

/** Who asks about a PREPARE wants to know what comes of it: it is shown as its EXECUTE would be decided. */
function asExecuted(statement: StatementFacts): StatementFacts {
  const { nameChange } = statement;
  if (nameChange?.kind !== 'prepare') return statement;
  const { effects, opaque, versions, consequences, plansWithCode, outputs, touched } = nameChange.body;
  return { ...statement, effects, opaque, versions, consequences, plansWithCode, outputs, touched };
}

interface Names {
  readonly what: string;
  readonly names: Iterable<string>;
}

/** Null for conditions that do not name what is in a catalog. */
function namesOf(condition: string, catalog: Catalog): Names | null {
  switch (condition) {
    case 'tables':
      return { what: 'table or view', names: catalog.relationsByOid.values().map(({ text }) => text) };
    case 'functions':
      return { what: 'function', names: catalog.functionsByOid.values().map(({ text }) => text) };
    case 'columns':
    case 'fields': {
      const columns = catalog.relationsByOid.values().flatMap((relation) => relation.columns);
      return { what: 'column', names: columns.map(({ text }) => text) };
    }
    default:
      return null;
  }
}
