/** Throws unless the host is a loopback address, so that no other server can be put under load by mistake. */
export const assertLoopback = (url: URL): void => {
  if (!/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname)) {
    throw new RangeError(`Load is sent to loopback addresses only, not to ${url.hostname}`)
  }
}
