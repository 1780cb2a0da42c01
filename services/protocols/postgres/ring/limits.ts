/** A target with 2,000 tables takes some 200 ms to plan a ring for; no session is to wait so long for another's. */
export const maxPlanSliceMs = 5;
