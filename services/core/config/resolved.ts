/** What something written stands for, or what is wrong with it: half a sentence, that goes on from the key's name. */
export type Resolved<T> = { readonly value: T } | { readonly fault: string };
