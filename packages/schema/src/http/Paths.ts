/**
 * How paths are told apart: each has one spelling, with or without a slash at its end, so that what a proxy's rules do not
 * know is no route. An id of any length falls on its route, whose feature answers that there is none.
 */
export const routerConfig = {
  caseSensitive: true,
  ignoreDuplicateSlashes: false,
  ignoreTrailingSlash: true,
  // Longer than any request target.
  maxParamLength: 1_000_000
} as const

// Unreserved characters that are encoded (RFC 3986, section 2.3), and a fragment, which no request target has.
const otherSpelling = /#|%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/i

// An escape that is cut off, which the router decodes to nothing.
const noRoute = "/%"

const absoluteForm = /^https?:\/\/[^/?#]*([^?#]*)/i

const pathOf = (url: string): string => url.split("?", 1)[0] ?? ""

/**
 * The URL by which a router of {@link routerConfig} finds the route of a request: `url` is its path and query, `target` what
 * was sent (RFC 9112, section 3.2). It falls on no route where the path is another spelling of some path: letters or digits
 * are percent-encoded, or an absolute form has dot segments or backslashes, which parsing it resolves. The router ends a
 * path at a semicolon; here that is a character like any other, as no path has parameters.
 */
export const routableUrl = (target: string, url: string): string => {
  if (target !== url && (absoluteForm.exec(target)?.[1] || "/") !== pathOf(url)) return noRoute
  // The router takes the second of two slashes for the one at the end of the root.
  if (!url.startsWith("/") || url.startsWith("//")) return noRoute
  if (!/[%;#]/.test(url)) return url
  const path = pathOf(url)
  if (otherSpelling.test(path)) return noRoute
  return path.replaceAll(";", "%3B") + url.slice(path.length)
}
