import { http } from './http/index.ts';
import { kubernetes } from './kubernetes/index.ts';
import { postgres } from './postgres/index.ts';

/** Every protocol that the gateway speaks; a new one is a folder, a line here, and a line below for policies in TypeScript. */
export const protocols = [postgres, http, kubernetes] as const;

export type { HttpWords } from './http/policy-words.ts';
export type { KubernetesWords } from './kubernetes/policy-words.ts';
export type { PostgresWords } from './postgres/policy-words.ts';
