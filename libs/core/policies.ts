/** Policies: what an operator may choose per pair (design section 5). Parsed once, then plain data. */

export interface Policies {
  /** Who keeps the name when both sides changed; the other content becomes a conflict copy. */
  readonly conflict: 'upstream' | 'newest' | 'local';
  /** Changed locally, deleted upstream: the delete applies, or the edit keeps the name. */
  readonly deleteVsEdit: 'upstream' | 'edit-wins';
  readonly direction: 'both' | 'push-only' | 'pull-only';
}

export const DEFAULT_POLICIES: Policies = {
  conflict: 'upstream',
  deleteVsEdit: 'upstream',
  direction: 'both',
};

const CHOICES = {
  conflict: ['upstream', 'newest', 'local'],
  'delete-vs-edit': ['upstream', 'edit-wins'],
  direction: ['both', 'push-only', 'pull-only'],
} as const;

/**
 * Reads `KEY=VALUE` words as the command line takes them.
 * @throws RangeError with a sentence that names the valid choices.
 */
export function parsePolicies(words: readonly string[]): Policies {
  let policies = DEFAULT_POLICIES;
  for (const word of words) {
    const [key = '', value = ''] = word.split(/=(.*)/s);
    if (!Object.hasOwn(CHOICES, key)) {
      throw new RangeError(`unknown policy "${key}"; the policies are ${Object.keys(CHOICES).join(', ')}`);
    }
    const choices: readonly string[] = CHOICES[key as keyof typeof CHOICES];
    if (!choices.includes(value)) {
      throw new RangeError(`policy ${key} cannot be "${value}"; choose ${choices.join(', ')}`);
    }
    const field = key === 'delete-vs-edit' ? 'deleteVsEdit' : key;
    policies = { ...policies, [field]: value };
  }
  return policies;
}
