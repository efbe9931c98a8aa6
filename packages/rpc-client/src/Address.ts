import { Effect, Redacted } from "effect"

/** The URL of the service and a service key. */
export interface Address {
  /** The part of the URL before `/rpc`: `https://users.internal.example.com`. */
  readonly url: string
  readonly apiKey: Redacted.Redacted<string>
}

/** The URL of a path of the service. */
export const at = ({ url }: Pick<Address, "url">, path: string): string => url.replace(/\/+$/, "") + path

/** Dies if the URL or the key cannot be used: that is a mistake in the program or its configuration, and no retry helps. */
export const checkAddress = ({ apiKey, url }: Address): Effect.Effect<void> => {
  if (!Redacted.isRedacted(apiKey)) {
    return Effect.die(new TypeError("apiKey of the user service's client must be Redacted: Redacted.make(key)"))
  }
  return isHttpUrl(url)
    ? Effect.void
    : Effect.die(new TypeError("url of the user service's client must be http or https, without a user or password"))
}

const isHttpUrl = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
}
