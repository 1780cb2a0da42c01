import { createRequire } from 'node:module';
import { Language, type Node, Parser } from 'web-tree-sitter';
import { grammarDeadlineMs } from './limits.ts';

await Parser.init();
const parser = new Parser();
parser.setLanguage(
  await Language.load(createRequire(import.meta.url).resolve('tree-sitter-bash/tree-sitter-bash.wasm')),
);

/** Texts of their own, which the first reader takes out and reads by themselves. */
const apart = new Set(['heredoc_body', 'comment']);

/**
 * Reads the text again, by bash's grammar in tree-sitter. It is made for editors and mends what it does not understand, so what it says
 * is no proof; but where it finds an error, or a command at a place where script.ts found none, one of the two is wrong.
 * Returns that place; null when they agree.
 */
export function secondReading(text: string, starts: ReadonlySet<number>): string | null {
  const deadline = performance.now() + grammarDeadlineMs;
  const tree = parser.parse(text, null, { progressCallback: () => performance.now() > deadline });
  if (tree === null) {
    parser.reset();
    return text;
  }
  try {
    return disagreement(tree.rootNode, starts);
  } finally {
    tree.delete();
  }
}

function disagreement(root: Node, starts: ReadonlySet<number>): string | null {
  if (root.hasError) return root.text;
  const nodes = [root];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    if (apart.has(node.type) || (node.type === 'command_substitution' && node.text.startsWith('`'))) continue;
    if (node.type === 'command_name' && !starts.has(node.startIndex)) return node.text;
    for (const child of node.namedChildren) nodes.push(child);
  }
  return null;
}
