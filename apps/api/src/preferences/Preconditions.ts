import type { ExpectedVersions } from "@user-service/core/preferences/PreferencesRepo"

const strongTag = /^"(0|[1-9]\d{0,14})"$/
const anyTag = /^(?:W\/)?"(0|[1-9]\d{0,14})"$/

// The versions that a list of entity tags names: no tag of another form is ours.
const versionsIn = (tags: string, form: RegExp): ReadonlyArray<number> =>
  tags.split(",").flatMap((tag) => {
    const version = form.exec(tag.trim())?.[1]
    return version === undefined ? [] : [Number(version)]
  })

const isAny = (tags: string): boolean => tags.trim() === "*"

/**
 * At which versions a change may be made. `If-Match` names those (RFC 9110, section 13.1.1), by strong tags; `If-None-Match`
 * those at which it may not (section 13.1.2), by tags of either strength, and by `*` any, for what is there to be changed
 * has one.
 */
export const expectedVersions = (headers: {
  readonly "if-match"?: string
  readonly "if-none-match"?: string
}): ExpectedVersions => {
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = headers
  const expected = ifMatch === undefined || isAny(ifMatch) ? "any" : versionsIn(ifMatch, strongTag)
  if (ifNoneMatch === undefined) return expected
  if (isAny(ifNoneMatch)) return []
  const not = versionsIn(ifNoneMatch, anyTag)
  return expected === "any" ? { not } : expected.filter((version) => !not.includes(version))
}

/** Whether a client that sent this `If-None-Match` has the version already. */
export const isKnown = (ifNoneMatch: string | undefined, version: number): boolean =>
  ifNoneMatch !== undefined && (isAny(ifNoneMatch) || versionsIn(ifNoneMatch, anyTag).includes(version))

/** The strong entity tag of a version. */
export const etagOf = (version: number): string => `"${version}"`
