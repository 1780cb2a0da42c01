/** The worker thread's side: analyses texts that would keep the event loop busy. */
import { parentPort } from 'node:worker_threads';
import { InvariantError, messageOf } from '../../../core/model/errors.ts';
import { analyseParsed, catalogContext, refusal, tooComplex } from './analyse-text.ts';
import type { Analysis } from './analysis.ts';
import { loadCatalog } from './catalog-loader.ts';
import type { CatalogContext } from './context.ts';
import { TooComplexError } from './errors.ts';
import type { FromThread, Job, ToThread } from './large-text-messages.ts';
import { maxAnalysisSteps, maxPlpgsqlTokens } from './limits.ts';
import { parseMeasured } from './parse.ts';

if (parentPort === null) throw new InvariantError('large-text-thread.ts runs as a worker thread only');
const port = parentPort;

const catalogs = new Map<number, CatalogContext>();

function run({ text, circumstances, catalog }: Job): Analysis | 'broken' {
  const context = catalogs.get(catalog);
  if (context === undefined) throw new InvariantError(`catalog ${catalog} was not sent`);
  const parsed = parseMeasured(text);
  if (parsed.kind === 'broken') return 'broken';
  if (parsed.kind === 'refused') return refusal(text, circumstances.target, parsed.why);
  try {
    return analyseParsed(text, parsed.statements, circumstances, context, maxAnalysisSteps);
  } catch (thrown) {
    if (thrown instanceof TooComplexError) return refusal(text, circumstances.target, tooComplex(thrown));
    throw thrown;
  }
}

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'catalog':
      catalogs.set(message.id, catalogContext(loadCatalog(message.rows), parseMeasured, maxPlpgsqlTokens));
      return;
    case 'forget':
      catalogs.delete(message.id);
      return;
    case 'job': {
      let answer: FromThread;
      try {
        answer = { result: run(message.job) };
      } catch (thrown) {
        // RangeError for a tree deeper than the stack; whatever it is, this thread is not trusted any more.
        answer = { result: 'broken', why: messageOf(thrown) };
      }
      port.postMessage(answer);
    }
  }
});
