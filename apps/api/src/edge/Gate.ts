import { Effect, Option, Predicate, Result } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"
import type { failure } from "../endpoints/Answers.ts"
import { EdgeSettings } from "./EdgeSettings.ts"
import { hostName, isServed } from "./Hosts.ts"
import type { Route } from "../endpoints/Routes.ts"

// HTTP/1.1 requires a Host header, HTTP/1.0 does not (RFC 9112, section 3.2).
const lacksHost = ({ headers, source }: HttpServerRequest.HttpServerRequest): boolean =>
  headers["host"] === undefined && Predicate.hasProperty(source, "httpVersion") && source.httpVersion !== "1.0"

// Repeated Host headers are invalid (same section): a proxy and Node might use different ones.
const hasTwoHosts = ({ source }: HttpServerRequest.HttpServerRequest): boolean => {
  if (!Predicate.hasProperty(source, "rawHeaders") || !Array.isArray(source.rawHeaders)) return false
  let hosts = 0
  for (let index = 0; index < source.rawHeaders.length; index += 2) {
    const name: string = source.rawHeaders[index]
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1
  }
  return hosts > 1
}

const isWithin =
  (networks: ReadonlyArray<IpNetwork.IpNetwork>) =>
  (address: string): boolean => {
    const parsed = NetAddress.ipFromString(address)
    return (
      Result.isSuccess(parsed) &&
      networks.some((network) => IpNetwork.contains(network, NetAddress.toCanonical(parsed.success)))
    )
  }

const isAllHttps = (forwardedProto: string | undefined): boolean =>
  forwardedProto !== undefined && /^\s*https\s*(?:,\s*https\s*)*$/i.test(forwardedProto)

/** Whether the URL is of the admin API or the console. */
const isForStaff = (url: string): boolean => /^\/(?:api\/v1\/)?admin(?:[/?]|$)/.test(url)

/** Refuses requests with an invalid Host header, for other hosts, and over plain HTTP if HTTPS is required, and requests for staff from networks
 * that are not allowed. */
export const makeGate = Effect.map(EdgeSettings, (settings) => {
  const isTrusted = (request: HttpServerRequest.HttpServerRequest): boolean =>
    Option.exists(request.peerAddress, isWithin(settings.trustedProxies))

  // The headers of trusted proxies have been applied to the remote address.
  const isHiddenFrom = (request: HttpServerRequest.HttpServerRequest): boolean =>
    settings.adminNetworks.length > 0 &&
    isForStaff(request.url) &&
    !Option.exists(request.remoteAddress, isWithin(settings.adminNetworks))

  // The library expects one X-Forwarded-Proto value per X-Forwarded-For address, but some proxies do not send both. Then all
  // values have to be https: only the last one is certainly from a proxy, the others may be from the client.
  const isHttps = (request: HttpServerRequest.HttpServerRequest): boolean =>
    request.protocol === "https" || (isAllHttps(request.headers["x-forwarded-proto"]) && isTrusted(request))

  /** The response to a request that is refused, or `undefined`. */
  const refusal = (
    request: HttpServerRequest.HttpServerRequest,
    route: Route | undefined,
    respond: typeof failure
  ): HttpServerResponse.HttpServerResponse | undefined => {
    if (lacksHost(request)) return respond(400, "malformed_json", "The Host header is required")
    if (hasTwoHosts(request)) {
      return respond(400, "malformed_json", "The Host header is there twice", { connection: "close" })
    }
    if (isHiddenFrom(request)) return respond(404, "not_found", "No such route")
    if (route?.isProbe === true) return undefined
    const host = request.headers["host"] ?? ""
    const name = hostName(host)
    if (!isServed(name, settings.allowedHosts)) return respond(403, "forbidden", "This host is not served here")
    // It may be empty (RFC 9112, section 3.2).
    if (name === undefined && host !== "") return respond(400, "malformed_json", "The Host header is not valid")
    if (!settings.forceHttps || isHttps(request)) return undefined
    // A client whose writes are redirected would keep sending its credentials unencrypted first. The port is left out: it is that
    // of plain HTTP.
    return name !== undefined && request.url.startsWith("/") && (request.method === "GET" || request.method === "HEAD")
      ? HttpServerResponse.redirect(`https://${name}${request.url}`, { status: 308 })
      : respond(403, "forbidden", "HTTPS is required")
  }

  let hasWarned = false
  // Either the header is forged, or TRUSTED_PROXIES lacks the proxy, and all clients share its address.
  const warningOf = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> | undefined => {
    if (hasWarned || request.headers["x-forwarded-for"] === undefined || isTrusted(request)) return undefined
    hasWarned = true
    return Effect.logWarning("X-Forwarded-For is ignored: it comes from a peer that TRUSTED_PROXIES does not name", {
      peer: Option.getOrElse(request.peerAddress, () => "unknown")
    })
  }

  return { refusal, isHttps, warningOf }
})
