import { Effect, Option, Predicate, Result } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"
import { failure } from "../endpoints/Answers.ts"
import { EdgeSettings } from "./EdgeSettings.ts"
import { hostName, isAllowed } from "./Hosts.ts"
import type { Route } from "./Routes.ts"

// Every request of HTTP/1.1 names a host; one of HTTP/1.0 need not (RFC 9112, section 3.2).
const lacksHost = ({ headers, source }: HttpServerRequest.HttpServerRequest): boolean =>
  headers["host"] === undefined && Predicate.hasProperty(source, "httpVersion") && source.httpVersion !== "1.0"

// None names two, of which a proxy may have gone by the one and Node by the other (the same section).
const hasTwoHosts = ({ source }: HttpServerRequest.HttpServerRequest): boolean => {
  if (!Predicate.hasProperty(source, "rawHeaders") || !Array.isArray(source.rawHeaders)) return false
  let hosts = 0
  for (let index = 0; index < source.rawHeaders.length; index += 2) {
    const name: string = source.rawHeaders[index]
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1
  }
  return hosts > 1
}

const isAllHttps = (forwardedProto: string | undefined): boolean =>
  forwardedProto !== undefined && /^\s*https\s*(?:,\s*https\s*)*$/i.test(forwardedProto)

/** Refuses requests for hosts that are not ours and paths that nobody has, and plain HTTP where HTTPS is asked for. */
export const makeGate = Effect.map(EdgeSettings, (settings) => {
  const isTrusted = (request: HttpServerRequest.HttpServerRequest): boolean =>
    Option.match(request.peerAddress, {
      onNone: () => false,
      onSome: (peer) => {
        const address = NetAddress.ipFromString(peer)
        return (
          Result.isSuccess(address) &&
          settings.trustedProxies.some((network) =>
            IpNetwork.contains(network, NetAddress.toCanonical(address.success))
          )
        )
      }
    })

  // The library has matched one value for each address of X-Forwarded-For. Other proxies do not add both: then every value
  // has to be https, since a client may have sent the first ones and a proxy's word on its own connection is the last.
  const isHttps = (request: HttpServerRequest.HttpServerRequest): boolean =>
    request.protocol === "https" || (isAllHttps(request.headers["x-forwarded-proto"]) && isTrusted(request))

  /** The answer to what is refused whatever it asks for. `route` is the one that the request falls on. */
  const refusal = (
    request: HttpServerRequest.HttpServerRequest,
    route: Route | undefined
  ): HttpServerResponse.HttpServerResponse | undefined => {
    if (lacksHost(request)) return failure(400, "malformed_json", "The Host header is required")
    if (hasTwoHosts(request)) {
      return failure(400, "malformed_json", "The Host header is there twice", { connection: "close" })
    }
    if (route?.isProbe === true) return undefined
    const host = request.headers["host"] ?? ""
    const name = hostName(host)
    const { allowedHosts } = settings
    if (allowedHosts.length > 0 && (name === undefined || !allowedHosts.some((allowed) => isAllowed(name, allowed)))) {
      return failure(403, "forbidden", "This host is not served here")
    }
    // RFC 9112, section 3.2. It may be empty.
    if (name === undefined && host !== "") return failure(400, "malformed_json", "The Host header is not valid")
    if (!settings.forceHttps || isHttps(request)) return undefined
    // A redirected write would have sent its credentials in the clear already, and would again. The port is that of plain
    // HTTP.
    return name !== undefined && request.url.startsWith("/") && (request.method === "GET" || request.method === "HEAD")
      ? HttpServerResponse.redirect(`https://${name}${request.url}`, { status: 308 })
      : failure(403, "forbidden", "HTTPS is required")
  }

  let warned = false
  // Either somebody forges, or the operator forgot to name the proxy and all clients look like one.
  const warningOf = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> | undefined => {
    if (warned || request.headers["x-forwarded-for"] === undefined || isTrusted(request)) return undefined
    warned = true
    return Effect.logWarning("X-Forwarded-For is ignored: it comes from a peer that TRUSTED_PROXIES does not name", {
      peer: Option.getOrElse(request.peerAddress, () => "unknown")
    })
  }

  return { refusal, isHttps, warningOf }
})
