/** The text of a search in the fragment of its link. */
export const textOf = (hash: string): string => {
  try {
    return decodeURIComponent(hash)
  } catch {
    // A percent sign that somebody typed into the link.
    return hash
  }
}
