/**
 * The versions an `If-Match` header names (RFC 9110, section 13.1.1): any for none and for `*`. A weak tag never matches
 * here, nor does one that is none of ours.
 */
export const expectedVersions = (ifMatch: string | undefined): ReadonlyArray<number> | "any" => {
  if (ifMatch === undefined || ifMatch.trim() === "*") return "any"
  return ifMatch.split(",").flatMap((tag) => {
    const version = /^"(\d{1,15})"$/.exec(tag.trim())?.[1]
    return version === undefined ? [] : [Number(version)]
  })
}

/** The strong entity tag of a version. */
export const etagOf = (version: number): string => `"${version}"`
