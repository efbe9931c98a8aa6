import type { ExpectedVersions } from "@user-service/core/preferences/PreferencesRepo"

const strongTag = /^"(0|[1-9]\d{0,14})"$/
const anyTag = /^(?:W\/)?"(0|[1-9]\d{0,14})"$/

// The versions in a list of entity tags. Tags of other forms match no version.
const versionsIn = (tags: string, form: RegExp): ReadonlyArray<number> =>
  tags.split(",").flatMap((tag) => {
    const version = form.exec(tag.trim())?.[1]
    return version === undefined ? [] : [Number(version)]
  })

const isAny = (tags: string): boolean => tags.trim() === "*"

/**
 * The versions at which a change is allowed. `If-Match` lists them as strong tags (RFC 9110, section 13.1.1). `If-None-Match`
 * excludes versions by strong or weak tags (section 13.1.2); with `*` it excludes all, since preferences always have a version.
 */
export const expectedVersions = (headers: {
  readonly "if-match"?: string
  readonly "if-none-match"?: string
}): ExpectedVersions => {
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = headers
  const expected = ifMatch === undefined || isAny(ifMatch) ? "any" : versionsIn(ifMatch, strongTag)
  if (ifNoneMatch === undefined) return expected
  if (isAny(ifNoneMatch)) return []
  const excluded = versionsIn(ifNoneMatch, anyTag)
  return expected === "any" ? { not: excluded } : expected.filter((version) => !excluded.includes(version))
}

/** Whether `If-None-Match` matches the version, so that the client already has it. */
export const isKnown = (ifNoneMatch: string | undefined, version: number): boolean =>
  ifNoneMatch !== undefined && (isAny(ifNoneMatch) || versionsIn(ifNoneMatch, anyTag).includes(version))

/** The strong entity tag of a version. */
export const etagOf = (version: number): string => `"${version}"`
