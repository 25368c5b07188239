/** Ordinary user: root may do anything, so what permissions forbid is tested as somebody else. */
const NOBODY = 65_534;

/** Gives up root's rights where the process has them. @returns how to take them back. */
export function asOrdinaryUser(): () => void {
  if (process.geteuid?.() !== 0) return () => {};
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  return () => {
    process.seteuid?.(0);
    process.setegid?.(0);
  };
}
