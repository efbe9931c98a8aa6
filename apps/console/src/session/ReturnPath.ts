/**
 * The path to open after signing in: of the console, so that a link cannot send a member of staff to another site. A browser would
 * read `//host` and `/\host` as another host.
 */
export const returnPath = (to: string | undefined): string =>
  to !== undefined && /^\/(?![/\\])/.test(to) && !/^\/sign-in(?:[/?#]|$)/.test(to) ? to : "/"
