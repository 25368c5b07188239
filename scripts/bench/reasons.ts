/** Reasons: why a target was missed, by workload, as the profile told; printed beside the verdict. */

export const REASONS: Readonly<Record<string, string>> = {};
