import { Config, type Redacted, Schema } from "effect"

/**
 * Reads the address of an engine from `variable`. What is wrong with it is told by its `form` alone, since the value holds
 * a password.
 */
export const engineUrl = (
  variable: string,
  options: { readonly isValid: (url: string) => boolean; readonly form: string }
): Config.Config<Redacted.Redacted<string>> =>
  Config.schema(
    Schema.Redacted(
      Schema.String.check(Schema.makeFilter((url: string) => options.isValid(url) || `must be ${options.form}`)),
      { label: variable }
    ),
    variable
  )

/** Whether the text is a URL with a host, of one of the schemes. */
export const isUrlOf =
  (...schemes: ReadonlyArray<string>) =>
  (text: string): boolean => {
    const url = URL.parse(text)
    return url !== null && schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== ""
  }
