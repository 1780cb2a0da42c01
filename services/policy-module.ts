/**
 * `sallyport/policy`, as package.json's exports say: what a policy in TypeScript imports, for editors and compilers. Beside
 * main.ts, because it joins the policy language with the words of protocols. When a policy is evaluated
 * (core/policy/evaluate-typescript.ts), core/policy/define-policy.ts alone stands in for it: types are gone by then.
 */
export type { Approval, Mask, Policy, Rule, Words } from './core/policy/define-policy.ts';
export { definePolicy } from './core/policy/define-policy.ts';
export type * from './protocols/index.ts';
