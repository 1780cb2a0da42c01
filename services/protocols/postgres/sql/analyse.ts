import type { RawStmt } from 'libpg-query';
import { LRUCache } from 'lru-cache';
import type { TargetName } from '../../../core/model/ids.ts';
import { analyseParsed, type Circumstances, catalogContext, refusal } from './analyse-text.ts';
import type { Analysis, OtherSchemas } from './analysis.ts';
import type { CatalogCache, LoadedCatalog } from './catalog-cache.ts';
import type { CatalogContext } from './context.ts';
import { TooComplexError } from './errors.ts';
import type { LargeTexts } from './large-texts.ts';
import {
  maxAnalysisStepsOnEventLoop,
  maxCachedAnalysesBytes,
  maxCachedAnalysisBytes,
  maxOtherSearchPaths,
} from './limits.ts';
import { withParameterTypes } from './parameter-types.ts';
import { type Parsed, parseOnEventLoop } from './parse.ts';
import { constantsAreValues, type Shape, shapeOf } from './shape.ts';

export interface AnalyserOptions {
  readonly target: TargetName;
  readonly catalogs: CatalogCache;
  /**
   * The schemas of the pinned search_path, as the StartupMessage says them. End it with pg_temp: PostgreSQL looks there first where it
   * is not listed, and a temporary table could then stand for any unqualified name.
   */
  readonly searchPath: readonly string[];
  readonly largeTexts: LargeTexts;
}

/** What of the session's state changes what a text means. */
export interface SessionState {
  /**
   * An empty search_path may be in force: some statement has set it (it is always permitted), and no one can tell whether a
   * ROLLBACK has undone that. Names are then looked up both ways, and what either finds counts.
   */
  readonly emptySearchPath: boolean;
  readonly otherSchemas?: OtherSchemas;
}

export const freshSession: SessionState = { emptySearchPath: false };

/**
 * Says what texts mean on one target. The same text on the same catalog gives the same object; texts that differ in constants only
 * share all but the text.
 */
export interface Analyser {
  /**
   * At once for texts that are known or small, nearly all; a promise for those that go to the worker. Never throws or rejects
   * for what a client sends: a text that cannot be analysed is `unacceptable`, or opaque.
   */
  analyse(text: string, session?: SessionState): Analysis | Promise<Analysis>;
  /** The analysis of a text whose parameters are of these types (pg_type.oid, 0 where the server finds out). */
  withParameterTypes(analysis: Analysis, types: readonly number[]): Analysis;
}

export const createAnalyser = (options: AnalyserOptions): Analyser => new CachingAnalyser(options);

type Cache = LRUCache<string, Analysis>;

interface Caches {
  readonly texts: Cache;
  /** By the text without its constants; see shape.ts. */
  readonly shapes: Cache;
}

class CachingAnalyser implements Analyser {
  readonly #options: AnalyserOptions;
  readonly #pinned = newCaches();
  readonly #either = newCaches();
  /** By what sessions have set that were allowed to set their search path or role: mostly none. */
  readonly #elsewhere = new LRUCache<string, Caches>({ max: maxOtherSearchPaths });
  /** Large texts that are being analysed: the same text is not analysed twice at once. */
  readonly #running = new Map<string, Promise<Analysis>>();
  #loaded: LoadedCatalog;
  #context: CatalogContext;

  constructor(options: AnalyserOptions) {
    this.#options = options;
    this.#loaded = options.catalogs.loaded;
    this.#context = catalogContext(this.#loaded.catalog, parseDefinition);
  }

  analyse(text: string, session: SessionState = freshSession): Analysis | Promise<Analysis> {
    if (this.#options.catalogs.loaded !== this.#loaded) this.#changeCatalog();
    const caches = this.#cachesFor(session);
    return caches.texts.get(text) ?? this.#analyseUnknown(text, session, caches);
  }

  withParameterTypes(analysis: Analysis, types: readonly number[]): Analysis {
    return withParameterTypes(analysis, types, this.#context);
  }

  #changeCatalog(): void {
    this.#options.largeTexts.forget(this.#loaded);
    this.#loaded = this.#options.catalogs.loaded;
    this.#context = catalogContext(this.#loaded.catalog, parseDefinition);
    for (const { texts, shapes } of [this.#pinned, this.#either]) {
      texts.clear();
      shapes.clear();
    }
    this.#elsewhere.clear();
    this.#running.clear();
  }

  #cachesFor({ emptySearchPath, otherSchemas = null }: SessionState): Caches {
    if (otherSchemas === null) return emptySearchPath ? this.#either : this.#pinned;
    const key = JSON.stringify([emptySearchPath, otherSchemas]);
    const caches = this.#elsewhere.get(key) ?? newCaches();
    this.#elsewhere.set(key, caches);
    return caches;
  }

  #analyseUnknown(text: string, session: SessionState, caches: Caches): Analysis | Promise<Analysis> {
    const shape = shapeOf(text);
    const known = shape === null ? undefined : caches.shapes.get(shape.key);
    if (known === undefined) return this.#analyseAnew(text, session, caches, shape);
    const analysis = { ...known, intent: { ...known.intent, text } };
    caches.texts.set(text, analysis);
    return analysis;
  }

  #analyseAnew(
    text: string,
    { emptySearchPath, otherSchemas = null }: SessionState,
    { texts: cache, shapes }: Caches,
    shape: Shape | null,
  ): Analysis | Promise<Analysis> {
    const { target, searchPath } = this.#options;
    const parsed = parseOnEventLoop(text);
    const circumstances: Circumstances = { target, searchPath, emptySearchPath, otherSchemas };
    // A text that is refused is not kept: attacks must not drive out what is used.
    if (parsed !== 'large' && parsed.kind === 'refused') return refusal(text, target, parsed.why);
    if (parsed === 'large' || parsed.kind === 'broken') return this.#analyseLarge(text, circumstances, cache);
    try {
      const steps = maxAnalysisStepsOnEventLoop;
      const analysis = analyseParsed(text, parsed.statements, circumstances, this.#context, steps);
      cache.set(text, analysis);
      if (shape !== null && isShared(analysis, parsed.statements, shape)) shapes.set(shape.key, analysis);
      return analysis;
    } catch (thrown) {
      if (thrown instanceof TooComplexError) return this.#analyseLarge(text, circumstances, cache);
      throw thrown;
    }
  }

  #analyseLarge(text: string, circumstances: Circumstances, cache: Cache): Promise<Analysis> {
    const key = JSON.stringify([circumstances.emptySearchPath, circumstances.otherSchemas, text]);
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const loaded = this.#loaded;
    const promise = this.#options.largeTexts.analyse(text, circumstances, loaded).then((analysis) => {
      if (this.#loaded === loaded) {
        this.#running.delete(key);
        if (analysis.intent.unacceptable === null) cache.set(text, analysis);
      }
      return analysis;
    });
    this.#running.set(key, promise);
    return promise;
  }
}

/** A view's definition that is too large for the event loop makes the text that names the view a large one. */
function parseDefinition(text: string): Parsed {
  const parsed = parseOnEventLoop(text);
  if (parsed === 'large' || parsed.kind === 'broken')
    throw new TooComplexError('a view that it names is large');
  return parsed;
}

/** What a statement says about names of the session goes by its own text. */
function isShared({ statements }: Analysis, parsed: readonly RawStmt[], shape: Shape): boolean {
  const [facts] = statements;
  const [statement] = parsed;
  if (facts === undefined || statement === undefined || parsed.length > 1) return false;
  return facts.nameChange === null && facts.nameUse === null && constantsAreValues(statement, shape);
}

const newCaches = (): Caches => ({ texts: newCache(), shapes: newCache() });

const newCache = (): Cache =>
  new LRUCache({
    maxSize: maxCachedAnalysesBytes,
    maxEntrySize: maxCachedAnalysisBytes,
    sizeCalculation: estimatedBytes,
  });

/** A sentence of some 100 characters takes as much as so many references. */
const consequenceReferences = 16;

/** Objects of a handful of fields take some 100 bytes, references 8; strings of the catalog are shared. */
function estimatedBytes(analysis: Analysis, text: string): number {
  let objects = 4;
  let references = 0;
  for (const statement of analysis.statements) {
    objects += 2 + statement.effects.length + (statement.outputs?.length ?? 0);
    references += statement.touched.length + statement.consequences.length * consequenceReferences;
    for (const effect of statement.effects)
      references +=
        effect.columns.length +
        effect.conditionColumns.length +
        effect.derivedColumns.length +
        4 * effect.guesses.length;
    for (const output of statement.outputs ?? []) references += output.sources.length;
  }
  return text.length * 4 + objects * 100 + references * 8;
}
