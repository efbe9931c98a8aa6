// A name or a bracketed IPv6 address, optionally with a trailing dot and a port, which may be empty (RFC 3986, section 3.2).
const hostForm = /^(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::\d{0,5})?$/i

/** The name in a Host header, in lower case, without a trailing dot and port. `undefined` if it is invalid. */
export const hostName = (host: string): string | undefined => hostForm.exec(host)?.[1]?.toLowerCase()

/**
 * Whether `allowed`, a result of {@link allowedHost}, covers the host `name`, a result of {@link hostName}. If `allowed` starts
 * with a dot, it covers the domain and its subdomains.
 */
export const isAllowed = (name: string, allowed: string): boolean =>
  allowed === "*" ||
  name === allowed ||
  (allowed.startsWith(".") && (name.endsWith(allowed) || name === allowed.slice(1)))

/** Whether the host `name` is served: `allowedHosts` covers it, or is empty. `undefined` is a name that is not valid. */
export const isServed = (name: string | undefined, allowedHosts: ReadonlyArray<string>): boolean =>
  allowedHosts.length === 0 || (name !== undefined && allowedHosts.some((allowed) => isAllowed(name, allowed)))

/**
 * Normalises an item of `ALLOWED_HOSTS` for {@link isAllowed}: lower case, A-labels, no scheme, port, trailing slash or trailing
 * dot. `undefined` if it is not a host name.
 */
export const allowedHost = (item: string): string | undefined => {
  if (item === "*") return item
  const bare = item.replace(/^https?:\/\//i, "").replace(/\/$/, "")
  const [dot, host] = bare.startsWith(".") ? [".", bare.slice(1)] : ["", bare]
  const name = canonicalName(/^[^[\]]*:[^[\]]*:/.test(host) ? `[${host}]` : host)
  return name === undefined ? undefined : dot + name
}

/** The name as browsers send it in a Host header: in lower case, with A-labels, and IP addresses in their shortest form. */
const canonicalName = (host: string): string | undefined => {
  if (/[/?#@\\\s]/.test(host) || !URL.canParse(`http://${host}`)) return undefined
  return hostName(new URL(`http://${host}`).hostname)
}

/**
 * Normalises an item of `CORS_ALLOWED_ORIGINS` to the form that browsers send (HTML, section 7.1.1), without a trailing slash and
 * the default port. `undefined` if it is not an origin, because it has no scheme or has a path.
 */
export const origin = (item: string): string | undefined => {
  if (item === "*") return item
  const [, scheme = "", host = ""] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\\\s]+)\/?$/i.exec(item) ?? []
  if (/^https?$/i.test(scheme)) return canonicalName(host) === undefined ? undefined : new URL(item).origin
  // Apps and extensions have their own schemes and case-sensitive hosts. No pages are served from the excluded schemes.
  return host === "" || /^(?:file|ftp|wss?)$/i.test(scheme) ? undefined : `${scheme.toLowerCase()}://${host}`
}
