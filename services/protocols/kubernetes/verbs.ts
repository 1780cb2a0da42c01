/** Kubernetes' own verbs for requests on resources (RBAC's words). */
export const requestVerbs = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
] as const;
export type RequestVerb = (typeof requestVerbs)[number];
