// A name or a bracketed IPv6 address, with or without the dot of a fully qualified name, and a port, which may be empty
// (RFC 3986, section 3.2).
const hostForm = /^(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::\d{0,5})?$/i

/** The name in a Host header, in lower case, without the dot at its end and the port; none where it is no host. */
export const hostName = (host: string): string | undefined => hostForm.exec(host)?.[1]?.toLowerCase()

/**
 * Whether the host is one that `allowed` names, as {@link hostName} and `allowedHost` give them: the same, or where `allowed`
 * begins with a dot the name after it or one below that.
 */
export const isAllowed = (name: string, allowed: string): boolean =>
  allowed === "*" ||
  name === allowed ||
  (allowed.startsWith(".") && (name.endsWith(allowed) || name === allowed.slice(1)))

/**
 * An item of `ALLOWED_HOSTS` as {@link isAllowed} compares it: in lower case and as A-labels, without a scheme, a port and
 * the slash or dot at its end, which a host name in a Host header has not or need not have. None for what is no host name.
 */
export const allowedHost = (item: string): string | undefined => {
  if (item === "*") return item
  const bare = item.replace(/^https?:\/\//i, "").replace(/\/$/, "")
  const [dot, host] = bare.startsWith(".") ? [".", bare.slice(1)] : ["", bare]
  const name = canonicalName(/^[^[\]]*:[^[\]]*:/.test(host) ? `[${host}]` : host)
  return name === undefined ? undefined : dot + name
}

/** The name as a browser writes it in a Host header: in lower case, A-labels, IP addresses in their shortest form. */
const canonicalName = (host: string): string | undefined => {
  if (/[/?#@\\\s]/.test(host) || !URL.canParse(`http://${host}`)) return undefined
  return hostName(new URL(`http://${host}`).hostname)
}

/**
 * An item of `CORS_ALLOWED_ORIGINS` as browsers serialise origins (HTML, section 7.1.1), without a slash at its end and the
 * scheme's own port. None for what is no origin: without a scheme or with a path.
 */
export const origin = (item: string): string | undefined => {
  if (item === "*") return item
  const [, scheme = "", host = ""] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\\\s]+)\/?$/i.exec(item) ?? []
  if (/^https?$/i.test(scheme)) return canonicalName(host) === undefined ? undefined : new URL(item).origin
  // Of an app or an extension, whose host has a case. No page is at the other schemes that have hosts of their own.
  return host === "" || /^(?:file|ftp|wss?)$/i.test(scheme) ? undefined : `${scheme.toLowerCase()}://${host}`
}
