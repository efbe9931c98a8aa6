/** Load goes to this machine only, whatever it is told: anything else is somebody's server. */
export const assertLoopback = (url: URL): void => {
  if (!/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname)) {
    throw new RangeError(`Load is sent to loopback addresses only, not to ${url.hostname}`)
  }
}
