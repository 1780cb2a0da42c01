/** The parser's tree as libpg-query gives it: an object with one key, the node's kind. */
import type { Node } from 'libpg-query';

export type NodeKind = Node extends infer One ? (One extends unknown ? keyof One : never) : never;
export type NodeBody<Kind extends NodeKind> = Extract<Node, Record<Kind, unknown>>[Kind];

/** Every statement of PostgreSQL's grammar. */
export type StatementKind = Extract<NodeKind, `${string}Stmt`>;

export const kindOf = (node: Node): NodeKind | null => {
  for (const kind in node) return kind as NodeKind; // a node has its kind as its only key
  return null; // an empty node stands for a missing item of a list
};

/** The texts of a list of String nodes: the parts of a name. */
export function strings(nodes: readonly Node[] | undefined): readonly string[] {
  if (nodes === undefined) return none;
  return nodes.flatMap((node) => ('String' in node ? [node.String.sval ?? ''] : []));
}

const none: readonly string[] = [];

/** A node's list of nodes; a missing one is empty. */
export const listOf = (nodes: readonly Node[] | undefined): readonly Node[] => nodes ?? noNodes;

const noNodes: readonly Node[] = [];

/** The items of a List node, and any other node as it stands. */
export const itemsOf = (node: Node | undefined): readonly Node[] =>
  node === undefined ? noNodes : 'List' in node ? (node.List.items ?? noNodes) : [node];
