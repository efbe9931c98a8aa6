import { Config, type Redacted, Schema } from "effect"

/**
 * Reads the URL of an engine from `variable`. `problemOf` describes what is wrong with a text, without quoting it, because it contains a
 * password.
 */
export const engineUrlWith = (
  variable: string,
  problemOf: (url: string) => string | undefined
): Config.Config<Redacted.Redacted<string>> =>
  Config.schema(
    Schema.Redacted(
      Schema.String.check(Schema.makeFilter((url: string) => problemOf(url) ?? percentProblem(url) ?? true)),
      { label: variable }
    ),
    variable
  )

/** As {@link engineUrlWith}, for URLs that `isValid` accepts. The message for others is "must be" and `form`. */
export const engineUrl = (
  variable: string,
  options: { readonly isValid: (url: string) => boolean; readonly form: string }
): Config.Config<Redacted.Redacted<string>> =>
  engineUrlWith(variable, (url) => (options.isValid(url) ? undefined : `must be ${options.form}`))

/** Whether the text is a URL with one of the schemes, a host and a port other than 0. */
export const isUrlOf =
  (...schemes: ReadonlyArray<string>) =>
  (text: string): boolean => {
    const url = URL.parse(text)
    return url !== null && schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== "" && url.port !== "0"
  }

/** The problem of the text's percent-encoding (RFC 3986, section 2.1), or undefined. */
export const percentProblem = (text: string): string | undefined => {
  if (/%(?![\da-f]{2})/i.test(text)) return "has a % without two hexadecimal digits after it: write %25 for a % itself"
  try {
    decodeURIComponent(text)
    return undefined
  } catch {
    return "has percent-encoded bytes that are not UTF-8"
  }
}
