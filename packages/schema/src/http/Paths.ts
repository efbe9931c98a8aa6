/**
 * The settings of the router. A path has one spelling, with or without a trailing slash, so that no other spelling passes a
 * proxy's rules and still reaches a route. Ids of any length match; the endpoint answers 404.
 */
export const routerConfig = {
  caseSensitive: true,
  ignoreDuplicateSlashes: false,
  ignoreTrailingSlash: true,
  // More than the longest request target.
  maxParamLength: 1_000_000
} as const

// An encoded unreserved character (RFC 3986, section 2.3), or a fragment, which a request target cannot have.
const otherSpelling = /#|%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/i

// A truncated escape, which matches no route.
const noRoute = "/%"

const absoluteForm = /^https?:\/\/[^/?#]*([^?#]*)/i

const pathOf = (url: string): string => url.split("?", 1)[0] ?? ""

/**
 * The URL that is passed to the router. `target` is the request target as sent (RFC 9112, section 3.2), `url` its path and
 * query. The result matches no route if the path is another spelling of a route's path: letters or digits are percent-encoded,
 * or an absolute form has dot segments or backslashes, which URL parsing resolves. Semicolons are escaped, because the router
 * would end the path there.
 */
export const routableUrl = (target: string, url: string): string => {
  if (target !== url && (absoluteForm.exec(target)?.[1] || "/") !== pathOf(url)) return noRoute
  // The router would treat `//` as the root with a trailing slash.
  if (!url.startsWith("/") || url.startsWith("//")) return noRoute
  if (!/[%;#]/.test(url)) return url
  const path = pathOf(url)
  if (otherSpelling.test(path)) return noRoute
  return path.replaceAll(";", "%3B") + url.slice(path.length)
}
