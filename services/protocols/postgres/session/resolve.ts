import type { Intent } from '../../../core/model/action.ts';
import type { Analysis, NameUse, StatementFacts } from '../sql/analysis.ts';
import { mergeEffects } from '../sql/merge-effects.ts';
import { mergeOtherSchemas } from '../sql/other-schemas.ts';
import { effectsWhenStored } from '../sql/stored.ts';
import { nameKey } from '../wire/body.ts';
import type { Conversation } from './conversation.ts';
import type { PreparedStatement } from './names.ts';
import type { Resolved } from './resolved.ts';

/**
 * Gives statements that run a name the effects and outputs of what the name stands for. Texts without names, nearly all, come
 * back as they are. `uncertain` while an earlier run still changes the name; a promise while a name's own text is analysed: try again
 * when it has resolved. `earlier`: statements that stand before the text as if they were a part of it.
 */
export function resolveNames(
  analysis: Analysis,
  conversation: Conversation,
  analyse: Analyse,
  earlier: readonly StatementFacts[] = [],
): Resolved | 'uncertain' | Promise<unknown> {
  if (analysis.statements.every((statement) => statement.nameUse === null)) return analysis;
  const names = new TextNames(conversation, analyse);
  for (const statement of earlier) names.apply(statement);
  const statements: StatementFacts[] = [];
  for (const statement of analysis.statements) {
    const resolved = names.resolve(statement);
    if (resolved === 'uncertain' || resolved instanceof Promise) return resolved;
    statements.push(resolved);
    names.apply(resolved);
  }
  return { intent: composedIntent(analysis.intent, statements), statements };
}

type Analyse = (text: string, parameterTypes?: readonly number[]) => Analysis | Promise<Analysis>;
type Found = StatementFacts | 'unknown' | 'uncertain' | Promise<unknown>;

/** Names as one text's statements see them, one after the other: PREPARE p ...; EXECUTE p. */
class TextNames {
  readonly #conversation: Conversation;
  readonly #analyse: Analyse;
  readonly #prepared = new Map<string, StatementFacts | 'unknown'>();
  readonly #cursors = new Map<string, StatementFacts | 'unknown'>();
  #allPreparedGone = false;
  #allCursorsGone = false;

  constructor(conversation: Conversation, analyse: Analyse) {
    this.#conversation = conversation;
    this.#analyse = analyse;
  }

  resolve(statement: StatementFacts): StatementFacts | 'uncertain' | Promise<unknown> {
    const use = statement.nameUse;
    if (use === null) return statement;
    const body = use.kind === 'prepared' ? this.#findPrepared(use.name) : this.#findCursor(use.name);
    if (body === 'uncertain' || body instanceof Promise) return body;
    if (body === 'unknown') return { ...statement, opaque: [...statement.opaque, 'unknown-name'] };
    return withBody(statement, use, body);
  }

  apply(statement: StatementFacts): void {
    const change = statement.nameChange;
    switch (change?.kind) {
      case undefined:
        return;
      case 'prepare':
        this.#prepared.set(nameKey(change.name), change.body);
        return;
      case 'deallocate':
        this.#prepared.set(nameKey(change.name), 'unknown');
        return;
      case 'declare':
        this.#cursors.set(nameKey(change.name), change.body);
        return;
      case 'close':
        this.#cursors.set(nameKey(change.name), 'unknown');
        return;
      case 'deallocate-all':
        this.#prepared.clear();
        this.#allPreparedGone = true;
        return;
      case 'close-all':
        this.#cursors.clear();
        this.#allCursorsGone = true;
        return;
      case 'discard-all':
        this.#prepared.clear();
        this.#cursors.clear();
        this.#allPreparedGone = true;
        this.#allCursorsGone = true;
        return;
    }
  }

  #findPrepared(name: string): Found {
    const key = nameKey(name);
    const here = this.#prepared.get(key);
    if (here !== undefined) return here;
    if (this.#allPreparedGone) return 'unknown';
    const found = this.#conversation.statements.find(key, this.#conversation.generation);
    return typeof found === 'string' ? found : this.#factsOf(found);
  }

  #findCursor(name: string): Found {
    const key = nameKey(name);
    const here = this.#cursors.get(key);
    if (here !== undefined) return here;
    if (this.#allCursorsGone) return 'unknown';
    const found = this.#conversation.portals.find(key, this.#conversation.generation);
    return typeof found === 'string' ? found : this.#factsOf(found.statement);
  }

  #factsOf({ text, parameterTypes }: PreparedStatement): Found {
    const analysis = this.#analyse(text, parameterTypes);
    if (analysis instanceof Promise) return analysis;
    const [facts] = analysis.statements;
    // The facts may be shared with a text that has other constants, and this one is what an approver is shown.
    return facts === undefined ? 'unknown' : { ...facts, text: text.trim() };
  }
}

/** A cursor's statement was decided when it was declared or bound; FETCH only brings its rows. */
function withBody(statement: StatementFacts, use: NameUse, body: StatementFacts): StatementFacts {
  const touched = [...statement.touched, ...body.touched];
  const versions = [...statement.versions, ...body.versions];
  const consequences = [...statement.consequences, ...body.consequences];
  const outputs = use.rows === 'returned' ? body.outputs : statement.outputs;
  if (use.kind === 'cursor') return { ...statement, versions, outputs, touched };
  const effects = use.rows === 'stored' ? effectsWhenStored(body) : body.effects;
  return {
    ...statement,
    text: `${statement.text} /* which is: */ ${body.text}`,
    effects: [...statement.effects, ...effects],
    opaque: [...statement.opaque, ...body.opaque],
    versions,
    consequences,
    outputs,
    touched,
    copyIn: statement.copyIn || body.copyIn,
    setsMeaning: statement.setsMeaning || body.setsMeaning,
    emptiesSearchPath: statement.emptiesSearchPath || body.emptiesSearchPath,
    otherSchemas: mergeOtherSchemas(statement.otherSchemas, body.otherSchemas),
  };
}

/** The names' bodies belong to what is approved, so they stand in the text; the digest binds it. */
export function composedIntent(intent: Intent, statements: readonly StatementFacts[]): Intent {
  const bodies = statements.filter((statement) => statement.nameUse?.kind === 'prepared');
  const shown = bodies.map((statement) => statement.text).join(';\n');
  return {
    ...intent,
    text: shown === '' ? intent.text : `${intent.text}\n-- with its prepared statements:\n${shown}`,
    effects: mergeEffects(statements),
    opaque: [...new Set(statements.flatMap((statement) => statement.opaque))],
    versions: [...new Set(statements.flatMap((statement) => statement.versions))],
    consequences: [...new Set(statements.flatMap((statement) => statement.consequences))],
  };
}
