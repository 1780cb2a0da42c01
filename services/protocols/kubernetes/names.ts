/** Forms of names in Kubernetes (Object Names and IDs; apimachinery's validation). */
const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const subdomain = `${label}(?:\\.${label})*`;

export const namePattern = {
  /** RFC 1123 label. */
  namespace: new RegExp(`^${label}$`),
  /** RFC 1123 subdomain of at most 253 characters. */
  group: new RegExp(`^(?=.{1,253}$)${subdomain}$`),
  /** `v1beta1`, mostly; custom resources may have any RFC 1123 label. */
  version: new RegExp(`^${label}$`),
  /** Resources and subresources: plural, lower case. Aggregated API servers put dots and dashes in theirs. */
  resource: /^[a-z](?:[-a-z0-9.]{0,61}[a-z0-9])?$/,
  /**
   * What a segment of a path may hold (apimachinery's IsValidPathSegmentName), less what no name has: controls, spaces, and what is markup in
   * URLs. RBAC's names have colons (`system:node`), and so do services with a port (`web:80`).
   */
  name: /^(?!\.{1,2}$)[A-Za-z0-9_.:@=+~*!$&'(),-]{1,253}$/,
  /** Labels' keys: a prefix that is a subdomain, and a name. */
  labelKey: new RegExp(`^(?:${subdomain}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`),
  labelValue: /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
} as const;
